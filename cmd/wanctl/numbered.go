package main

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"wanctl/analyze/report"
	"wanctl/cycle"
)

// maxFiles bounds a numbered set: each file is open until all of them are whole.
const maxFiles = 999

// exportNumbered writes files of at most n rows, the header included, which appear
// together once all are whole: rows.csv becomes rows-001.csv, rows-002.csv, ...
func exportNumbered(path string, n int64, rows *report.Rows, cycles iter.Seq2[*cycle.Cycle, error]) (err error) {
	set := &numbered{path: path, rows: rows, most: n}
	defer set.cleanup()
	var buf []byte
	for c, err := range cycles {
		if err != nil {
			return err
		}
		buf = rows.Append(buf[:0], c, set.row)
		if set.err != nil {
			return set.err
		}
	}
	if len(set.files) == 0 {
		return report.ErrNothing
	}
	return set.publish()
}

// numbered is a set of files in the making.
type numbered struct {
	path  string
	rows  *report.Rows
	most  int64 // rows per file
	left  int64 // rows that the last file still takes
	files []*renameio.PendingFile
	out   *bufio.Writer
	err   error
}

// name is what a file is called, counted from 1.
func (s *numbered) name(i int) string {
	ext := filepath.Ext(s.path)
	return fmt.Sprintf("%s-%03d%s", strings.TrimSuffix(s.path, ext), i, ext)
}

// row writes one row into the file whose turn it is.
func (s *numbered) row(b []byte) []byte {
	if s.left == 0 && s.err == nil {
		s.err = s.next()
	}
	if s.err == nil {
		_, s.err = s.out.Write(b)
		s.left--
	}
	return b[:0]
}

// next begins another file.
func (s *numbered) next() error {
	if len(s.files) == maxFiles {
		return fmt.Errorf("--max-rows %d makes more than %d files: use a larger number or a shorter window", s.most, maxFiles)
	}
	if err := s.flush(); err != nil {
		return err
	}
	name := s.name(len(s.files) + 1)
	if err := replaceable(name); err != nil { // now, and not when all rows are written
		return err
	}
	f, err := renameio.NewPendingFile(name, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	s.files, s.out, s.left = append(s.files, f), bufio.NewWriterSize(f, 1<<16), s.most
	if head := s.rows.AppendHead(nil); len(head) > 0 {
		s.left--
		_, err = s.out.Write(head)
	}
	return err
}

// replaceable says what keeps a file from taking a name.
func replaceable(name string) error {
	about, err := os.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write: %w", err)
	case about.IsDir():
		return fmt.Errorf("write %s: is a directory (move it away, or give --output another name)", name)
	case !about.Mode().IsRegular() && about.Mode().Type() != os.ModeSymlink:
		return fmt.Errorf("write %s: is no regular file (move it away, or give --output another name)", name)
	}
	return nil
}

func (s *numbered) flush() error {
	if s.out == nil {
		return nil
	}
	return s.out.Flush()
}

// publish lets the files appear: all of them, or after an error none.
func (s *numbered) publish() error {
	if err := s.flush(); err != nil {
		return fmt.Errorf("write %s: %w", s.path, err)
	}
	if err := s.longer(); err != nil {
		return err
	}
	for i := range s.files {
		if err := replaceable(s.name(i + 1)); err != nil {
			return err
		}
	}
	old := &before{dir: filepath.Dir(s.path)}
	for i, f := range s.files {
		err := old.keep(s.name(i + 1))
		if err == nil {
			err = f.CloseAtomicallyReplace()
		}
		if err != nil {
			return errors.Join(fmt.Errorf("write %s: %w", s.name(i+1), err), old.restore())
		}
	}
	return old.forget()
}

// longer refuses to leave a shorter set among the files of an earlier, longer one:
// whoever reads them by a pattern would count cycles twice. They may be all that
// somebody has of them, so they are not removed.
//
// Note: how many files there will be is known only once the last row is written, so
// this cannot be told earlier.
func (s *numbered) longer() error {
	var stale []string
	for i := len(s.files) + 1; i <= maxFiles; i++ {
		if _, err := os.Lstat(s.name(i)); err == nil {
			stale = append(stale, s.name(i))
		}
	}
	switch n := len(stale); {
	case n == 0:
		return nil
	case n > 3:
		stale = append(stale[:2], fmt.Sprintf("and %d more up to %s", n-2, stale[n-1]))
	}
	return fmt.Errorf("write %s: this set ends with %s, but there still are of an earlier, longer one: %s (move or remove those first, or give --output another name)",
		s.path, s.name(len(s.files)), strings.Join(stale, ", "))
}

func (s *numbered) cleanup() {
	for _, f := range s.files {
		_ = f.Cleanup() // does nothing once the file is in place
	}
}

// before is what stood at some names in a folder before they were given to others.
type before struct {
	dir   string
	aside string   // a folder in it that holds what stood there; "" while nothing did
	names []string // all that were given
}

// keep puts aside what is at a name.
func (b *before) keep(name string) (err error) {
	if _, err := os.Lstat(name); err == nil {
		if b.aside == "" {
			if b.aside, err = os.MkdirTemp(b.dir, ".replaced-"); err != nil {
				return err
			}
		}
		if err := os.Rename(name, b.at(name)); err != nil {
			return err
		}
	}
	b.names = append(b.names, name)
	return nil
}

func (b *before) at(name string) string { return filepath.Join(b.aside, filepath.Base(name)) }

// restore puts everything back.
func (b *before) restore() error {
	var errs []error
	for _, name := range b.names {
		err := os.ErrNotExist
		if b.aside != "" {
			err = os.Rename(b.at(name), name)
		}
		if errors.Is(err, os.ErrNotExist) { // nothing stood there
			err = os.Remove(name)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if b.aside != "" {
		errs = append(errs, os.Remove(b.aside)) // not with what could not be put back
	}
	return errors.Join(errs...)
}

// forget removes what was replaced.
func (b *before) forget() error {
	if b.aside == "" {
		return nil
	}
	return os.RemoveAll(b.aside)
}
