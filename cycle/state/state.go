// Package state keeps a daemon's state between runs: one small JSON file,
// replaced whole or not at all, readable by the Python program and written by
// it. What is in the file is the daemons' affair.
package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// MaxSize bounds what is read of a state file, in bytes. A daemon's state is a
// few hundred bytes, a long steering history some ten thousand.
const MaxSize = 1 << 20

// mode is the state file's: its owner's alone, as in the Python program.
const mode fs.FileMode = 0o600

// File is a state file. The zero options suit autorate; steering sets both.
type File struct {
	Path   string
	Backup bool // keep a copy of the last save in <path>.backup
	Lock   bool // hold flock(2) on <path>.lock while saving
}

// String returns the file's path.
func (f File) String() string { return f.Path }

// Load reads the file. With none there the error is fs.ErrNotExist; more than
// MaxSize bytes are an error too.
func (f File) Load() ([]byte, error) { return load(f.Path) }

// LoadBackup reads the copy of the last save.
func (f File) LoadBackup() ([]byte, error) { return load(f.Path + ".backup") }

func load(path string) ([]byte, error) {
	file, _, err := cycle.OpenPlain(path)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("read state: %s holds more than %d bytes, which no daemon's state does", path, MaxSize)
	}
	return b, nil
}

// Save replaces the file: whoever reads it sees the old state or the new one,
// also after a crash of this program. It does not wait for the disk. After a
// power cut the file may be some seconds old or, on a few file systems, empty;
// both are a sane start. So a save each cycle costs nothing on the usual tmpfs
// and one block, not a journal commit, on flash.
func (f File) Save(b []byte) error { return f.save(b, false) }

// SaveSynced is Save for what must not be forgotten, such as a rule that was just
// switched: it returns when the state is on the disk.
func (f File) SaveSynced(b []byte) error { return f.save(b, true) }

func (f File) save(b []byte, synced bool) error {
	if f.Lock {
		cycle.Premake(f.Path+".lock", mode)
		lock := flock.New(f.Path+".lock", flock.SetPermissions(mode))
		held, err := lock.TryLock()
		if err == nil && !held {
			err = errors.New("another program holds the lock")
		}
		if err != nil {
			return fmt.Errorf("save state %s: lock: %w", f.Path, err)
		}
		defer lock.Unlock() //nolint:errcheck // closing the file is all it does
	}
	if err := replace(f.Path, b, synced); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if f.Backup {
		if err := f.backUp(b); err != nil {
			return fmt.Errorf("back up state: %w", err)
		}
	}
	return nil
}

// backUp makes <path>.backup another name of what was just saved: a save writes
// a new file and never into the old one, so the two part at the next save and
// no byte is written twice. Where the file system has no hard links it is a copy.
func (f File) backUp(b []byte) error {
	backup, temp := f.Path+".backup", f.Path+".backup.tmp"
	_ = os.Remove(temp) // left by a crash
	if err := os.Link(f.Path, temp); err != nil {
		return replace(backup, b, false)
	}
	return os.Rename(temp, backup)
}

// KeepAside copies a file that could not be understood to <path>.corrupt, before
// the next save replaces it. One that cannot be copied, such as another user's, is
// moved there. Only the newest is kept.
func (f File) KeepAside() error {
	err := f.copyAside()
	if err == nil {
		return nil
	}
	if e := f.moveAside(); e != nil {
		return fmt.Errorf("keep bad state aside: %w; %w", err, e)
	}
	return nil
}

func (f File) copyAside() error {
	from, _, err := cycle.OpenPlain(f.Path)
	if err != nil {
		return err
	}
	defer from.Close()
	b, err := io.ReadAll(io.LimitReader(from, MaxSize))
	if err != nil {
		return err
	}
	return replace(f.Path+".corrupt", b, true)
}

func (f File) moveAside() error {
	info, err := os.Lstat(f.Path)
	if err != nil {
		return err
	}
	if info.IsDir() { // no state of ours, and no save could replace it
		return fmt.Errorf("%s is a folder", f.Path)
	}
	return os.Rename(f.Path, f.Path+".corrupt")
}

// replace writes b to path by way of a file beside it.
//
// Note: renameio does the same but always waits for the disk, and names its
// temporary files at random: a daemon killed often enough would litter the
// folder. One writer has one temporary file.
func replace(path string, b []byte, synced bool) (err error) {
	temp := path + ".tmp"
	file, err := create(temp)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	_, err = file.Write(b)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil && synced {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// create makes a temporary file, and its folder if that is missing. What a crash has
// left in its place goes: it may be another user's.
func create(path string) (*os.File, error) {
	open := func() (*os.File, error) {
		return cycle.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, mode)
	}
	file, err := open()
	switch {
	case errors.Is(err, fs.ErrExist):
		if info, e := os.Lstat(path); e == nil && !info.Mode().IsRegular() {
			return os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, mode) // nothing that a save would leave
		}
		err = os.Remove(path)
	case errors.Is(err, fs.ErrNotExist):
		err = cycle.MkdirAll(filepath.Dir(path), 0o755)
	default:
		return file, err
	}
	if err != nil {
		return nil, err
	}
	return open()
}
