package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/cmd/internal/doctor"
	"wanctl/cycle"
)

// daemonLock is a lock file that is held as long as its process lives.
type daemonLock struct{ file *os.File }

// lockDaemon takes a daemon's lock file, so that no second one controls the same
// WAN or rule; the file then holds the process's number. A lock that its process
// left behind is free. The Python program's is taken by its word: it is held while
// the process whose number is in it lives.
func lockDaemon(path string) (io.Closer, error) {
	if err := cycle.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, lockHint(path, err)
	}
	for {
		f, err := cycle.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, lockHint(path, err)
		}
		stale, err := take(f, path)
		switch {
		case err != nil:
			return nil, errors.Join(err, f.Close())
		case !stale:
			return daemonLock{f}, nil
		}
		f.Close()
	}
}

// lockHint adds to an error of opening a lock file what to do about it.
func lockHint(path string, err error) error {
	if owner, is := othersFile(path); is && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("lock %s: %w (the file belongs to %s: chown %s %s)", path, err, userName(owner), userName(os.Geteuid()), path)
	}
	return fmt.Errorf("lock %s: %w (lock_file names a file in a folder that can be written)", path, err)
}

// othersFile tells whether there is a file, and of another user than this process's.
func othersFile(path string) (owner int, is bool) {
	var stat unix.Stat_t
	if unix.Lstat(path, &stat) != nil {
		return 0, false
	}
	return int(stat.Uid), stat.Mode&unix.S_IFMT == unix.S_IFREG && int(stat.Uid) != os.Geteuid()
}

// userName is a user's name; the number where there is none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// take locks a lock file that was opened, and puts the process's number in. It is
// stale if meanwhile somebody removed it, as the Python program does with its own:
// a lock on it would keep nobody out.
func take(f *os.File, path string) (stale bool, err error) {
	err = exclude(f)
	holder := lockHolder(f)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK) && holder == 0: // it is just about to write its number
		return false, fmt.Errorf("lock %s: another process holds it (stop that one first)", path)
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, fmt.Errorf("lock %s: process %d holds it (stop that one first)", path, holder)
	case err != nil:
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	switch python, known := pythonLives(holder); {
	case python && known:
		return false, fmt.Errorf("lock %s: process %d holds it (stop that one first)", path, holder)
	case python: // perhaps
		return false, fmt.Errorf("lock %s: process %d may be the Python program and hold it: its command line cannot be read (stop it, or remove the file if it is none)", path, holder)
	}
	ours, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	if there, err := os.Lstat(path); err != nil || !os.SameFile(ours, there) {
		return true, nil
	}
	if err := f.Truncate(0); err != nil {
		return false, err
	}
	_, err = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	return false, err
}

// exclude locks a file against all others. One who only looks, as heldBy does, is gone
// in a moment, and is waited for.
func exclude(f *os.File) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || wait > 64*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}

// lockHolder returns the process number in a lock file; 0 if there is none.
func lockHolder(f *os.File) int {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:n])))
	if err != nil || pid <= 0 {
		return 0
	}
	return pid
}

// heldBy returns the process that holds a lock file, ours or the Python program's, as
// far as its number tells; 0 where nobody does. It shares the lock for a moment to
// find out, which a daemon that starts just then outwaits.
func heldBy(path string) int {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil { // closing alone would not do where a process that was just started still shares the open file
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	}
	pid := lockHolder(f)
	if python, _ := pythonLives(pid); python || errors.Is(err, unix.EWOULDBLOCK) {
		return pid
	}
	return 0
}

// pythonLives tells whether a number in a lock file that nobody has locked is the
// Python program's, which locks none. Numbers are given again, and a lock outside /run
// outlives a reboot: any other process, a wanctl too, has nothing to do with it. One
// whose command line is hidden is taken for the Python program, and known is false:
// to refuse is better than to undo what that one writes.
func pythonLives(pid int) (yes, known bool) {
	if pid <= 0 || pid == os.Getpid() {
		return false, true
	}
	if yes, known = doctor.IsPython("/proc", pid); known {
		return yes, true
	}
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH), false
}

// Close lets go of the lock. The file stays, empty: removing it would let a third
// process lock a new one beside a second that waits for this. Closing alone would not
// do where a process that was just started still shares the open file.
func (l daemonLock) Close() error {
	return errors.Join(l.file.Truncate(0), unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
