package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestADemoHasItsFileForItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "demo.db")
	if err := errors.Join(os.WriteFile(path, []byte("of before"), 0o600), os.WriteFile(path+"-wal", []byte("of before"), 0o600)); err != nil {
		t.Fatal(err)
	}
	first, second := &demoFile{path: path, anew: true}, &demoFile{path: path, anew: true}
	if err := first.claim(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log of before: %v", err)
	}
	if err := second.claim(); err == nil || !strings.Contains(err.Error(), "open in another process") {
		t.Errorf("a second demo: %v", err)
	}
	if err := (&demoFile{path: path}).claim(); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a second demo by name: %v", err)
	}
	if _, err := first.file.WriteString("recorded"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); string(text) != "recorded" || err != nil {
		t.Errorf("after the demo: %q, %v", text, err)
	}
	if err := errors.Join(second.claim(), second.Close()); err != nil {
		t.Errorf("the next demo: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a demo that recorded nothing left its file: %v", err)
	}
}

func TestADemoTakesNoPipeAndNoLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.Symlink(filepath.Join(dir, "else"), link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, dir} {
		if err := (&demoFile{path: path, anew: true}).claim(); err == nil || !strings.Contains(err.Error(), "--db takes the name of a new file") {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

// TestADemoReplacesRootsFile is the demo run with sudo first and without it then.
func TestADemoReplacesRootsFile(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can act as another user")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "demo.db")
	if err := errors.Join(os.WriteFile(path, []byte("root's"), 0o644), os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			done <- err
			return
		}
		d := &demoFile{path: path, anew: true}
		done <- errors.Join(d.claim(), d.Close())
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
