package cycle

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Whoever tries a daemon as root, in the folders of the service's user, must leave
// nothing there that the service cannot write afterwards. So what root makes is given
// to the owner and the group of the folder that it is made in. Files that are there
// already are left as they are, and so is everything in root's own folders.
//
// Where a file cannot be given, on some file systems, it is used all the same; lock,
// log and doctor tell of it once it is in the service's way.

// OpenFile is os.OpenFile, and gives a file that root makes to its folder's owner.
func OpenFile(path string, flag int, perm fs.FileMode) (*os.File, error) {
	if os.Geteuid() != 0 || flag&os.O_CREATE == 0 {
		return os.OpenFile(path, flag, perm)
	}
	for range 3 { // others may make and remove it meanwhile
		f, err := os.OpenFile(path, flag|os.O_EXCL, perm)
		if err == nil {
			_ = Give(f)
			return f, nil
		}
		if flag&os.O_EXCL != 0 || !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if f, err = os.OpenFile(path, flag&^os.O_CREATE, perm); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return os.OpenFile(path, flag, perm) // a link that leads nowhere
}

// Premake makes an empty file for root where there is none, ahead of a library that
// would make it by itself. What fails here fails there too, and is told there.
func Premake(path string, perm fs.FileMode) {
	if os.Geteuid() != 0 {
		return
	}
	if f, err := OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm); err == nil {
		_ = f.Close()
	}
}

// MkdirAll is os.MkdirAll, and gives each folder that root makes to the owner of the
// one above.
func MkdirAll(dir string, perm fs.FileMode) error {
	dir = filepath.Clean(dir)
	if _, err := os.Stat(dir); os.Geteuid() != 0 || !errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, perm)
	}
	if err := MkdirAll(filepath.Dir(dir), perm); err != nil {
		return err
	}
	if err := os.Mkdir(dir, perm); err != nil {
		return os.MkdirAll(dir, perm) // somebody else made it, or it cannot be made
	}
	if f, err := os.OpenFile(dir, syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0); err == nil {
		_ = Give(f)
		_ = f.Close()
	}
	return nil
}

// Give gives a file or folder that was just made to the owner of the folder it lies in,
// where root made it. It goes by what is open, never by a name: whoever may rename
// things there could otherwise have root give away a file of his choice.
func Give(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.OpenRoot(filepath.Dir(f.Name()))
	if err != nil {
		return err
	}
	defer folder.Close()
	above, err := folder.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := above.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	there, err := folder.Lstat(filepath.Base(f.Name()))
	if err != nil {
		return err
	}
	if ours, err := f.Stat(); err != nil || !os.SameFile(ours, there) || !fresh(f, ours) {
		return err
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// fresh tells whether what was just made is still that: a file of one name, or a
// folder with nothing in it.
func fresh(f *os.File, info fs.FileInfo) bool {
	if info.IsDir() {
		_, err := f.Readdirnames(1)
		return errors.Is(err, io.EOF)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 1 && info.Mode().IsRegular()
}
