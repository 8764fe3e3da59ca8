package cycle

import (
	"errors"
	"io/fs"
	"os"
)

// ErrNotPlain reports a folder, a pipe or a device where a file is wanted.
var ErrNotPlain = errors.New("is no regular file")

// OpenPlain opens a file for reading, and never waits for a pipe's other end: what is
// no regular file is refused before it is opened.
func OpenPlain(path string) (*os.File, fs.FileInfo, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !about.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotPlain}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if about, err = f.Stat(); err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, about, nil
}
