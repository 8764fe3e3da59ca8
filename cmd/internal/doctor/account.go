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
	"strings"
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
			return &refusal{a, dir, above, toSearch}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if !a.has(info, rights) {
		return &refusal{a, path, info, rights}
	}
	return nil
}

// refusal is a file or folder on which an account lacks rights.
type refusal struct {
	account Account
	path    string
	info    fs.FileInfo
	rights  fs.FileMode
}

func (r *refusal) Error() string {
	verb := "read"
	switch {
	case r.rights == toSearch:
		return fmt.Sprintf("user %s may not enter %s", r.account.Name, r.path)
	case r.rights&toWrite != 0:
		verb = "write to"
	}
	return fmt.Sprintf("user %s may not %s %s (mode %04o, of %s)", r.account.Name, verb, r.path, r.info.Mode().Perm(), owner(r.info))
}

// mend is the command that grants the rights, to be run as root. What is only read
// stays its owner's. It is "" for a folder that no service should be given.
func (r *refusal) mend() string {
	if r.info.IsDir() && (slices.Contains(everyonesFolders, r.path) || r.rights&toWrite != 0 && strings.HasPrefix(r.path, "/etc/")) {
		return ""
	}
	path, class, shift := shellWord(r.path), "u+", 6
	var commands []string
	switch {
	case r.account.owns(r.info):
	case r.rights&toWrite == 0:
		class, shift = "g+", 3
		commands = append(commands, "chgrp "+r.account.group()+" "+path)
	default:
		commands = append(commands, "chown "+r.account.Name+":"+r.account.group()+" "+path)
	}
	if r.info.Mode().Perm()>>shift&r.rights != r.rights {
		commands = append(commands, "chmod "+class+letters(r.rights)+" "+path)
	}
	return strings.Join(commands, "; ")
}

// mend is the command that does away with an error, where that is a refusal.
func mend(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.mend()
	}
	return ""
}

// everyonesFolders belong to the machine, not to a program.
var everyonesFolders = []string{"/", "/etc", "/home", "/opt", "/root", "/run", "/run/lock", "/srv", "/tmp", "/usr", "/var", "/var/cache", "/var/lib", "/var/log", "/var/tmp"}

// letters are rights as chmod writes them.
func letters(rights fs.FileMode) (l string) {
	for i, letter := range "rwx" {
		if rights&(toRead>>i) != 0 {
			l += string(letter)
		}
	}
	return l
}

// shellWord is a path as a shell takes it for one word.
func shellWord(path string) string {
	if plainSecret.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// owns tells whether a file is the account's.
func (a Account) owns(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == a.UID
}

// group is the account's first group: its name, or its number where it has none.
func (a Account) group() string {
	if len(a.GIDs) == 0 {
		return a.Name
	}
	id := strconv.FormatUint(uint64(a.GIDs[0]), 10)
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
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

// mayReplace tells whether the account may read a file, where there is one, and put
// another in its place.
func (a Account) mayReplace(path string) (there bool, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return false, err
	}
	if there, err = a.mayMakeBeside(path); err == nil && there {
		err = a.may(path, toRead)
	}
	return there, err
}

// mayOpenDatabase tells whether the account may write a database, and what SQLite
// keeps beside it.
func (a Account) mayOpenDatabase(path string) (there bool, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return false, err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if there, err = a.mayMake(path + suffix); err != nil {
			return there, err
		}
	}
	return a.mayMakeBeside(path)
}

// mayMakeBeside tells whether the account may make files in a file's folder, and
// whether the file is there.
func (a Account) mayMakeBeside(path string) (there bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return true, fmt.Errorf("%s is a folder", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	return err == nil, a.may(nearest(filepath.Dir(path)), toWrite|toSearch)
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
