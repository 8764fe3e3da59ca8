package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"wanctl/cycle"
)

// file is the recording, open for writing.
type file struct {
	path     string
	c        *conn
	in       *inserter
	drop     *stmt
	info     os.FileInfo // tells whether the path still leads to it
	sidecars []sidecar   // its write-ahead log, and that one's shared memory
	bound    bound

	restarted int64 // the WAL's size when a checkpoint let it begin anew; 0: it has not
}

// brokenError reports that the file is not what it was when it was opened.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

var (
	errGone      = errors.New("the file was deleted or replaced")
	errTruncated = errors.New("the file was cut short")
	errNoise     = errors.New("the file was written over")

	busyCodes = []int32{sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
)

// openFile opens the file for writing, and prepares all that writing takes.
func openFile(cfg *Config) (f *file, err error) {
	sync := "NORMAL"
	if cfg.FlushInterval >= 30*time.Second {
		sync = "FULL" // 10 % more writes at 60 s; twice as many at 1 s
	}
	if err := refuseForeign(cfg.Path); err != nil {
		return nil, err
	}
	cycle.Premake(cfg.Path, 0o644) // SQLite's mode; its log and shared memory get the owner of this
	f = &file{path: cfg.Path, bound: newBound(cfg.MaxSize)}
	if f.c, err = openForWriting(cfg.Path, sync); err != nil {
		// The header was ours: what is wrong is behind it.
		if is(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) {
			err = &brokenError{err}
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			f.c.close()
		}
	}()
	if f.in, err = newInserter(f.c); err != nil {
		return nil, err
	}
	if f.drop, err = f.c.prepare(`INSERT INTO "drop" VALUES (?, ?, ?, ?)`); err != nil {
		return nil, err
	}
	if err := f.c.exec(fmt.Sprintf("PRAGMA max_page_count = %d; PRAGMA journal_size_limit = 0; PRAGMA cache_size = -2000", f.bound.pages)); err != nil {
		return nil, err
	}
	if f.info, err = os.Stat(cfg.Path); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if info, err := os.Stat(cfg.Path + suffix); err == nil {
			f.sidecars = append(f.sidecars, sidecar{cfg.Path + suffix, info})
		}
	}
	return f, nil
}

// sidecar is a file that lies beside the database and belongs to it.
type sidecar struct {
	name string
	info os.FileInfo
}

// The begin of an SQLite file.
const (
	headerSize = 100
	headerText = "SQLite format 3\x00"
	pagesAt    = 28 // how many pages the database has
	pageSize   = 4096
)

// refuseForeign keeps SQLite from touching a file that is none of its own: that is
// more likely a path mistyped than a recording that broke.
func refuseForeign(path string) error {
	h, size, err := header(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && size == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(h, []byte(headerText)) {
		return fmt.Errorf("%w (it is no SQLite file): give another path", ErrForeign)
	}
	return nil
}

// header returns the begin of a file and the file's size.
func header(path string) (h []byte, size int64, err error) {
	f, fi, err := cycle.OpenPlain(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	h = make([]byte, headerSize)
	n, err := io.ReadFull(f, h)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err
	}
	return h[:n], fi.Size(), nil
}

// check tells whether the file is still the one that was opened: the database
// would notice only when it reads a page that it does not hold in memory.
func (f *file) check() error {
	fi, err := os.Stat(f.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(fi, f.info) {
		return errGone
	}
	if err != nil {
		return err
	}
	// A checkpoint of another daemon writes the header first, and makes the file
	// longer after that.
	for try := 0; ; try++ {
		err := f.sound()
		if err == nil || try == 3 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sound tells whether the header is ours and the file as long as that says.
func (f *file) sound() error {
	h, size, err := header(f.path)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(h, []byte(headerText)) || len(h) < headerSize {
		if size == 0 {
			return &brokenError{errTruncated}
		}
		return &brokenError{errNoise}
	}
	if pages := int64(binary.BigEndian.Uint32(h[pagesAt:])); size < pages*pageSize {
		return &brokenError{errTruncated}
	}
	return nil
}

func (f *file) close() { f.c.close() }

// leave closes a file that the path does not lead to any more. SQLite leaves its
// log behind then, and would take that for the log of whatever is at the path now.
// What another daemon has begun there since is left alone.
func (f *file) leave() error {
	f.close()
	for _, l := range f.sidecars {
		if info, err := os.Stat(l.name); err != nil || !os.SameFile(info, l.info) {
			continue
		}
		if err := os.Remove(l.name); err != nil {
			return fmt.Errorf("the log of a recording that is gone: %w", err)
		}
	}
	return nil
}

// setAside renames a broken file, with what belongs to it, so that a new one can be
// begun: it may hold much that can still be read.
func (w *Writer) setAside(b *brokenError) {
	if w.file != nil {
		w.file.close()
		w.file = nil
	}
	path := w.cfg.Path
	aside := path + ".broken-" + time.Now().UTC().Format("20060102T150405Z")
	for n := 1; ; n++ { // never over an older one
		if _, err := os.Lstat(aside); err != nil {
			break
		}
		aside = fmt.Sprintf("%s.broken-%s-%d", path, time.Now().UTC().Format("20060102T150405Z"), n)
	}
	err := os.Rename(path, aside)
	for _, suffix := range []string{"-wal", "-shm"} {
		if e := os.Rename(path+suffix, aside+suffix); e != nil && !errors.Is(e, os.ErrNotExist) && err == nil {
			err = e
		}
	}
	if err != nil {
		w.log.Error("a broken recording could not be set aside", "file", path, "broken", b.err, "error", err)
		return
	}
	w.log.Error("a broken recording was set aside; a new one is begun", "file", path, "aside", aside, "broken", b.err)
}
