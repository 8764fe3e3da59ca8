package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"wanctl/cycle/ownertest"
)

// serviceFolder is a folder of the service's, which all may come to.
func serviceFolder(t *testing.T) string {
	t.Helper()
	parent := t.TempDir()
	if err := os.Chmod(filepath.Dir(parent), 0o755); err != nil {
		t.Fatal(err)
	}
	return ownertest.Folder(t, parent)
}

// asService does something with the service's rights on files: those of this thread.
func asService(t *testing.T, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.SetfsuidRetUid(ownertest.Service); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	do()
}

// stateOfRoot leaves a state file as a daemon that ran as root did.
func stateOfRoot(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("learned"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatRootSavesIsTheServices(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	f := File{Path: filepath.Join(dir, "sub", "s.json"), Backup: true, Lock: true}
	if err := os.Mkdir(filepath.Dir(f.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(f.Path), ownertest.Service, ownertest.Service); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Save([]byte("one")), f.SaveSynced([]byte("two")), f.KeepAside()); err != nil {
		t.Fatal(err)
	}
	alone := File{Path: filepath.Join(dir, "made", "s.json")}
	if err := alone.Save([]byte("one")); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen++
		info, err := d.Info()
		if err == nil && (info.Sys().(*syscall.Stat_t).Uid != ownertest.Service || info.Sys().(*syscall.Stat_t).Gid != ownertest.Service) {
			t.Errorf("%s is not the service's", path)
		}
		return err
	})
	if err != nil || seen != 8 { // three folders, state, backup, lock, kept one, state
		t.Errorf("%d files and folders, %v", seen, err)
	}
	asService(t, func() {
		if err := errors.Join(f.Save([]byte("three")), f.KeepAside(), alone.Save([]byte("two"))); err != nil {
			t.Error(err)
		}
	})
}

// TestWhatACrashOfRootsLeftIsNotInTheWay saves over a temporary file of root's.
func TestWhatACrashOfRootsLeftIsNotInTheWay(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(serviceFolder(t), "s.json")}
	stateOfRoot(t, f.Path+".tmp")
	asService(t, func() {
		if err := f.Save([]byte("new")); err != nil {
			t.Error(err)
		}
	})
	if got := contents(t, f.Path); got != "new" {
		t.Errorf("the file holds %q", got)
	}
}

// TestAStateThatCannotBeReadIsNotLost starts as the service where the state is root's.
func TestAStateThatCannotBeReadIsNotLost(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(serviceFolder(t), "s.json")}
	stateOfRoot(t, f.Path)
	asService(t, func() {
		if _, err := f.Load(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("loaded: %v", err)
		}
		if err := f.KeepAside(); err != nil {
			t.Error(err)
		}
		if _, err := f.Load(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after it was kept aside: %v", err)
		}
		if err := f.Save([]byte("new")); err != nil {
			t.Error(err)
		}
	})
	if got := contents(t, f.Path+".corrupt"); got != "learned" {
		t.Errorf("kept %q", got)
	}
}

// TestNoSaveReplacesWhatCouldNotBeKept has something in the place that a bad state is
// kept in, and then no more.
func TestNoSaveReplacesWhatCouldNotBeKept(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json")}
	stateOfRoot(t, f.Path)
	blocked := filepath.Join(f.Path+".corrupt", "blocked")
	if err := os.MkdirAll(blocked, 0o755); err != nil {
		t.Fatal(err)
	}
	s := NewSaver(f)
	if err := s.KeepAside(); err == nil {
		t.Fatal("kept aside")
	}
	for range 2 {
		if err := s.Save(t.Context(), []byte("new")); err == nil || !strings.Contains(err.Error(), "not over what is there") {
			t.Errorf("saved: %v", err)
		}
	}
	if got := contents(t, f.Path); got != "learned" {
		t.Errorf("the file holds %q", got)
	}
	if err := os.RemoveAll(f.Path + ".corrupt"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"newer", "newest"} {
		if err := s.SaveSynced(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if kept, got := contents(t, f.Path+".corrupt"), contents(t, f.Path); kept != "learned" || got != "newest" {
		t.Errorf("kept %q, and the file holds %q", kept, got)
	}

	// Gone meanwhile: there is nothing to keep.
	if err := errors.Join(os.Remove(f.Path+".corrupt"), os.MkdirAll(blocked, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := s.KeepAside(); err == nil {
		t.Fatal("kept aside")
	}
	if err := errors.Join(os.Remove(f.Path), s.Save(t.Context(), []byte("afresh"))); err != nil {
		t.Error(err)
	}
}

func TestAFolderIsNotKeptAside(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json")}
	if err := os.Mkdir(f.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.KeepAside(); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("kept aside: %v", err)
	}
}
