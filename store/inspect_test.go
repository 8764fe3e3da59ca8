package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInspectLeavesNothing looks at a file that nobody has open, and at one that is
// being written.
func TestInspectLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "profile.db")
	if _, err := Inspect(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	c, err := openForWriting(path, "NORMAL")
	if err != nil {
		t.Fatal(err)
	}
	if findings, err := Inspect(t.Context(), path); err != nil || len(findings) > 0 {
		t.Errorf("beside a writer: %q, %v", findings, err)
	}
	c.close()
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if findings, err := Inspect(t.Context(), path); err != nil || len(findings) > 0 {
		t.Errorf("alone: %q, %v", findings, err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left %q", names)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Inspect(gone, path); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestInspectFindsDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "profile.db")
	c, err := openForWriting(path, "NORMAL")
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for page := int64(2); page < info.Size()/pageSize; page++ {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xee", 64)), page*pageSize); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	findings, err := Inspect(t.Context(), path)
	if err == nil && len(findings) == 0 {
		t.Error("pages of noise were found whole")
	}
}
