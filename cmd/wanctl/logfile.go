package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// logFile is a file that lines are appended to. Moved or removed by somebody
// else's log rotation, it is opened anew within a second. One that would grow
// beyond its bound becomes path.1, what that was path.2, and so on.
type logFile struct {
	path string
	max  int64 // bytes; 0: it grows for ever
	keep int   // full files beside it

	file    *os.File // nil while it cannot be opened
	err     error    // why not
	plain   bool     // a file, not a pipe or a device
	size    int64    // bytes
	checked time.Time
	rotated time.Time // when it was last tried
}

// logFileCheck is how often a file is looked at, and the least time between two
// attempts at a rotation that does not go well.
const logFileCheck = time.Second

// openLogFile opens a file for appending, and makes it if there is none.
func openLogFile(path string, max int64, keep int) (*logFile, error) {
	l := &logFile{path: path, max: max, keep: keep, checked: time.Now()}
	return l, l.open()
}

// open never waits: a pipe without a reader is an error.
func (l *logFile) open() error {
	f, err := cycle.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o640)
	if l.err = err; err == nil {
		l.file = f
		l.moved() // learns its size
	}
	return err
}

// Write implements logTarget.
func (l *logFile) Write(p []byte) (int, error) {
	if time.Since(l.checked) >= logFileCheck {
		l.checked = time.Now()
		if l.moved() {
			l.Close()
		}
		if l.file == nil {
			_ = l.open() // told below
		}
	}
	var rotating error
	if l.full(len(p)) && time.Since(l.rotated) >= logFileCheck {
		rotating = l.rotate()
	}
	if l.file == nil {
		return 0, errors.Join(rotating, l.err)
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, errors.Join(rotating, err)
}

// full tells whether so many bytes more would be too many.
func (l *logFile) full(more int) bool {
	return l.file != nil && l.plain && l.max > 0 && l.size > 0 && l.size+int64(more) > l.max
}

// moved tells whether the path is another file's by now, or none's, and learns
// how long the file is: others may write to it too.
func (l *logFile) moved() bool {
	if l.file == nil {
		return false
	}
	ours, err := l.file.Stat()
	if err != nil {
		return true
	}
	l.plain, l.size = ours.Mode().IsRegular(), ours.Size()
	there, err := os.Stat(l.path)
	return err != nil || !os.SameFile(ours, there)
}

// rotate moves the files on and begins a new one. Where they cannot be moved the
// lines go on into the file as it is: better a long log than none.
//
// Several processes may write one log. Whoever holds the lock of the very file
// moves it; the others find it moved.
func (l *logFile) rotate() error {
	l.rotated = time.Now()
	if err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil // another process is at it
		}
		return fmt.Errorf("rotate %s: %w", l.path, err)
	}
	if !l.moved() {
		if err := l.shift(); err != nil {
			return errors.Join(err, unix.Flock(int(l.file.Fd()), unix.LOCK_UN))
		}
	}
	l.Close() // and the lock is gone with it
	if l.open() == nil {
		l.rotated = time.Time{}
	}
	return nil // Write tells why there is no file
}

// shift moves path.1 to path.2 and so on, the oldest over the edge, and path to
// path.1.
func (l *logFile) shift() error {
	if l.keep == 0 {
		return os.Remove(l.path)
	}
	numbered := func(i int) string { return fmt.Sprintf("%s.%d", l.path, i) }
	for i := l.keep - 1; i >= 1; i-- {
		if err := os.Rename(numbered(i), numbered(i+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(l.path, numbered(1))
}

// Close implements logTarget.
func (l *logFile) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

func (l *logFile) String() string { return l.path }
