package store

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
	sqlite3 "modernc.org/sqlite/lib"
)

// Reading beside a writer takes shared memory, which is a file like the log: whoever
// comes first makes them, under his own name. A daemon can do nothing with those of
// another user's.

// sidecarSuffixes are what the names of the files beside a database end with.
var sidecarSuffixes = [...]string{"-wal", "-shm"}

// aGuest tells whether reading the database would leave files beside it that are
// not its owner's: there are none yet, and this process has another user. (What root
// makes SQLite gives to the owner.)
func aGuest(path string, database os.FileInfo) bool {
	for _, suffix := range sidecarSuffixes {
		if _, err := os.Lstat(path + suffix); err == nil {
			return false
		}
	}
	uid, ok := ownerOf(database)
	return ok && os.Geteuid() != 0 && uid != os.Geteuid()
}

// errBegun reports that what was read of a file as it lay may be of two moments.
var errBegun = errors.New("a daemon began to write the file while it was read: ask again")

// lies remembers a database that is read as it lies, without a look at its log.
type lies struct {
	path string
	info os.FileInfo
}

// still tells whether it is as it was.
func (l *lies) still() error {
	info, err := os.Stat(l.path)
	if err == nil && (!os.SameFile(info, l.info) || info.Size() != l.info.Size() || !info.ModTime().Equal(l.info.ModTime())) {
		err = errBegun
	}
	return err
}

// blame adds to an error whose file beside the database it is that may not be
// written.
func blame(path string, err error) error {
	if !is(err, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) {
		return err
	}
	for _, suffix := range sidecarSuffixes {
		info, e := os.Stat(path + suffix)
		if e != nil || unix.Access(path+suffix, unix.W_OK) == nil {
			continue
		}
		return fmt.Errorf("%w: %s belongs to %s: remove it while no daemon runs", explain(err), path+suffix, owner(info))
	}
	return err
}

func ownerOf(info os.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// owner names whose a file is.
func owner(info os.FileInfo) string {
	uid, ok := ownerOf(info)
	if !ok {
		return "nobody known"
	}
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
