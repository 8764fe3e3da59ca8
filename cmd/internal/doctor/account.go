package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Account is a user whom a service runs as. What the account may do is worked out
// from owners and modes, so that root can look for it; access lists are not known.
type Account struct {
	Name string
	UID  uint32
	GIDs []uint32
}

// ServiceUser is the user that the packages make.
const ServiceUser = "wanctl"

// AccountOf returns a user's account. For "" it is the packages' user, where root
// asks and there is one, else whoever asks.
func AccountOf(name string) (Account, error) {
	u, err := user.Current()
	if name != "" {
		if u, err = user.Lookup(name); err != nil {
			return Account{}, fmt.Errorf("user: %w", err)
		}
	} else if service, e := user.Lookup(ServiceUser); os.Geteuid() == 0 && e == nil {
		u, err = service, nil
	}
	if err != nil {
		return Account{}, fmt.Errorf("user: %w", err)
	}
	a := Account{Name: u.Username}
	ids, err := u.GroupIds()
	if err != nil {
		ids = []string{u.Gid}
	}
	for i, id := range append([]string{u.Uid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return a, fmt.Errorf("user %s: %w", a.Name, err)
		}
		if i == 0 {
			a.UID = uint32(n)
			continue
		}
		a.GIDs = append(a.GIDs, uint32(n))
	}
	return a, nil
}

// The rights of a mode, as its last three bits.
const (
	toRead   fs.FileMode = 4
	toWrite  fs.FileMode = 2
	toSearch fs.FileMode = 1
)

// may tells whether the account has rights on a path, and may come to it.
func (a Account) may(path string, rights fs.FileMode) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		above, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.has(above, toSearch) {
			return fmt.Errorf("user %s may not enter %s", a.Name, dir)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if !a.has(info, rights) {
		verb := "read"
		if rights&toWrite != 0 {
			verb = "write to"
		}
		return fmt.Errorf("user %s may not %s %s (mode %04o, of %s)", a.Name, verb, path, info.Mode().Perm(), owner(info))
	}
	return nil
}

// has tells whether the mode gives the account rights.
func (a Account) has(info fs.FileInfo, rights fs.FileMode) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || a.UID == 0 {
		return true
	}
	shift := 0
	switch {
	case stat.Uid == a.UID:
		shift = 6
	case slices.Contains(a.GIDs, stat.Gid):
		shift = 3
	}
	return info.Mode().Perm()>>shift&rights == rights
}

// mayMake tells whether the account may write a file, which may have to be made
// first, and the folders above it too. there tells whether it is there already.
func (a Account) mayMake(path string) (there bool, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	if err == nil {
		if info.IsDir() {
			return true, fmt.Errorf("%s is a folder", path)
		}
		return true, a.may(path, toRead|toWrite)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return false, a.may(nearest(filepath.Dir(path)), toWrite|toSearch)
}

// nearest returns a folder, or the nearest one above it that is there.
func nearest(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// owner names whose a file is.
func owner(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "nobody known"
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
