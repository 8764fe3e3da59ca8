package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestRotatedLogIsOpenedAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "main.log")
	file, err := openLogFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	write := func(text string) {
		t.Helper()
		file.checked = time.Time{} // a second has passed
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write("two\n")
	if err := os.Truncate(path, 0); err != nil { // as logrotate's copytruncate does
		t.Fatal(err)
	}
	write("three\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("four\n")
	for name, want := range map[string]string{path + ".1": "one\n", path: "four\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
}

// newLogFile opens a log file in a folder of its own.
func newLogFile(t *testing.T, max int64, keep int) *logFile {
	t.Helper()
	l, err := openLogFile(filepath.Join(t.TempDir(), "main.log"), max, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// number writes the lines from to to-1, each of ten bytes.
func number(t *testing.T, l *logFile, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := fmt.Fprintf(l, "line %04d\n", i); err != nil {
			t.Fatal(err)
		}
	}
}

// contents are the files of a log's folder.
func contents(t *testing.T, l *logFile) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(l.path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// lines are what number wrote.
func lines(from, to int) string {
	b := new(strings.Builder)
	for i := from; i < to; i++ {
		fmt.Fprintf(b, "line %04d\n", i)
	}
	return b.String()
}

func TestFullLogIsRotated(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		max  int64
		keep int
		want map[string]string
	}{
		"two kept":                     {50, 2, map[string]string{"main.log": lines(20, 23), "main.log.1": lines(15, 20), "main.log.2": lines(10, 15)}},
		"none kept":                    {50, 0, map[string]string{"main.log": lines(20, 23)}},
		"for ever":                     {0, 2, map[string]string{"main.log": lines(0, 23)}},
		"a line longer than the bound": {5, 1, map[string]string{"main.log": lines(22, 23), "main.log.1": lines(21, 22)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogFile(t, tc.max, tc.keep)
			number(t, l, 0, 23)
			if diff := cmp.Diff(tc.want, contents(t, l)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLogGoesOnWhereItWas counts what earlier runs wrote.
func TestLogGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 50, 1)
	number(t, l, 0, 4)
	again, err := openLogFile(l.path, 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	number(t, again, 4, 7)
	if diff := cmp.Diff(map[string]string{"main.log": lines(5, 7), "main.log.1": lines(0, 5)}, contents(t, l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestProcessesShareALog writes one log from two files, as two processes do; each
// looks at it once a second.
func TestProcessesShareALog(t *testing.T) {
	t.Parallel()
	one := newLogFile(t, 100, 100)
	other, err := openLogFile(one.path, 100, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := 0; i < 200; i += 2 {
		if i%20 == 0 { // a second has passed
			one.checked, other.checked = time.Time{}, time.Time{}
		}
		number(t, one, i, i+1)
		number(t, other, i+1, i+2)
	}
	seen := map[string]int{}
	for name, text := range contents(t, one) {
		if len(text) > 300 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		for line := range strings.Lines(text) {
			seen[line]++
		}
	}
	for line := range strings.Lines(lines(0, 200)) {
		if seen[line] != 1 {
			t.Errorf("%q is there %d times", line, seen[line])
		}
	}
}

// TestLogThatAnotherProcessRotates is left to it.
func TestLogThatAnotherProcessRotates(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 50, 1)
	other, err := os.Open(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	number(t, l, 0, 8)
	if diff := cmp.Diff(map[string]string{"main.log": lines(0, 8)}, contents(t, l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLogThatCannotBeRotated goes on: no line is lost, and it is told.
func TestLogThatCannotBeRotated(t *testing.T) {
	t.Parallel()
	l := newLogFile(t, 50, 1)
	if err := os.MkdirAll(filepath.Join(l.path+".1", "in", "the", "way"), 0o755); err != nil {
		t.Fatal(err)
	}
	number(t, l, 0, 5)
	told := 0
	for i := 5; i < 10; i++ {
		if n, err := l.Write([]byte(lines(i, i+1))); n != 10 {
			t.Errorf("line %d is lost: %v", i, err)
		} else if err != nil {
			told++
		}
	}
	if told != 1 { // within a second
		t.Errorf("told %d times", told)
	}
	if err := os.RemoveAll(l.path + ".1"); err != nil {
		t.Fatal(err)
	}
	l.rotated = time.Time{} // a second has passed
	number(t, l, 10, 11)
	if diff := cmp.Diff(map[string]string{"main.log": lines(10, 11), "main.log.1": lines(0, 10)}, contents(t, l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeviceIsNotRotated(t *testing.T) {
	t.Parallel()
	l, err := openLogFile("/dev/null", 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	number(t, l, 0, 20)
	if _, err := os.Stat("/dev/null.1"); !errors.Is(err, os.ErrNotExist) {
		t.Error("there is a /dev/null.1")
	}
}

// TestRotationOnAFullDisk fills a real one, which is too small for both files.
func TestRotationOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	l, err := openLogFile(filepath.Join(dir, "main.log"), 40<<10, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	line, lost := []byte(strings.Repeat("x", 1023)+"\n"), 0
	for range 200 {
		if n, err := l.Write(line); n < len(line) {
			if lost++; !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("%d bytes, %v", n, err)
			}
			// Somebody rotates by hand, which makes room.
			if err := os.Rename(l.path, l.path+".1"); err != nil {
				t.Fatal(err)
			}
			l.checked = time.Time{}
		}
	}
	if lost == 0 || lost > 10 {
		t.Errorf("%d lines lost", lost)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}
