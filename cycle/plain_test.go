package cycle

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestOpenPlainRefusesWhatItWouldWaitFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, plain, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "plain"), filepath.Join(dir, "link")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.WriteFile(plain, []byte("text"), 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		pipe: ErrNotPlain, link: ErrNotPlain, dir: ErrNotPlain, os.DevNull: ErrNotPlain, filepath.Join(dir, "none"): fs.ErrNotExist,
	} {
		if _, _, err := OpenPlain(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	f, about, err := OpenPlain(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "text" || err != nil || about.Size() != 4 {
		t.Errorf("read %q of %d bytes, %v", text, about.Size(), err)
	}
}
