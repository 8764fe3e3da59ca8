package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// demoFile is the file that a demo records into, and nobody else meanwhile.
type demoFile struct {
	path string
	anew bool // what an earlier demo has left there is removed
	file *os.File
}

// SQLite holds a lock in this stretch of a recording as long as it has it open. The
// byte after it keeps demos apart; it need not be there to be locked.
const (
	sqliteLocks    = 0x40000000
	sqliteLocksLen = 512
	demoLock       = sqliteLocks + sqliteLocksLen
)

// claim makes the file, empty. One that somebody has named is new; the demo's own
// from before is removed, unless another process has it open.
func (d *demoFile) claim() error {
	err := d.clear()
	if err == nil {
		err = d.create()
	}
	if err != nil {
		return fmt.Errorf("%w (--db takes the name of a new file)", err)
	}
	return nil
}

// clear removes what an earlier demo has left.
func (d *demoFile) clear() error {
	if !d.anew {
		return nil
	}
	const flags = unix.O_NONBLOCK | unix.O_NOFOLLOW
	lock := int16(unix.F_WRLCK)
	f, err := os.OpenFile(d.path, os.O_RDWR|flags, 0)
	if errors.Is(err, os.ErrPermission) { // root's, in a folder of ours
		lock = unix.F_RDLCK
		f, err = os.OpenFile(d.path, os.O_RDONLY|flags, 0)
	}
	if err == nil {
		defer f.Close()
		err = d.lock(f, lock)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(d.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// create makes the file and keeps it locked.
func (d *demoFile) create() error {
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already", d.path)
	}
	if err != nil {
		return err
	}
	if err := d.lock(f, unix.F_WRLCK); err != nil {
		return errors.Join(err, f.Close())
	}
	d.file = f
	return nil
}

// lock locks a file at the path, unless another process has it open.
func (d *demoFile) lock(f *os.File, kind int16) error {
	about, err := f.Stat()
	if err != nil {
		return err
	}
	if !about.Mode().IsRegular() {
		return fmt.Errorf("%s %w", d.path, cycle.ErrNotPlain)
	}
	demo := unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: demoLock, Len: 1}
	others := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: sqliteLocks, Len: sqliteLocksLen}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &demo)
	taken := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)
	if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &others)
		taken = err == nil && others.Type != unix.F_UNLCK
	}
	if err == nil && !taken { // or has just removed it
		there, err := os.Lstat(d.path)
		taken = err != nil || !os.SameFile(about, there)
	}
	if taken {
		return fmt.Errorf("%s is open in another process, such as a demo or a daemon: end that one first", d.path)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", d.path, err)
	}
	return nil
}

// Close lets others have the file, and removes it if nothing was recorded.
func (d *demoFile) Close() error {
	if d.file == nil {
		return nil
	}
	var errs []error
	if about, err := d.file.Stat(); err == nil && about.Size() == 0 {
		errs = append(errs, os.Remove(d.path))
	}
	return errors.Join(append(errs, d.file.Close())...)
}
