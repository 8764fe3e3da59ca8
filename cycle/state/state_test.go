package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// listing returns the names in a folder and their permissions.
func listing(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]fs.FileMode{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names[e.Name()] = info.Mode().Perm()
	}
	return names
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestASaveReplacesTheFileAndLeavesNothingElse(t *testing.T) {
	t.Parallel()
	for name, save := range map[string]func(File, []byte) error{"saved": File.Save, "synced": File.SaveSynced} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := File{Path: filepath.Join(t.TempDir(), "run", "wan1_state.json")} // the folder is made
			if _, err := f.Load(); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("before: %v", err)
			}
			for _, text := range []string{`{"a":1}`, `{"a":22}`, `{}`} {
				if err := save(f, []byte(text)); err != nil {
					t.Fatal(err)
				}
				if b, err := f.Load(); string(b) != text || err != nil {
					t.Errorf("loaded %q, %v; want %q", b, err, text)
				}
			}
			if diff := cmp.Diff(map[string]fs.FileMode{"wan1_state.json": 0o600}, listing(t, filepath.Dir(f.Path))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestASaveNeverWritesIntoTheFile(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json")}
	if err := f.Save([]byte("old")); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := f.Save([]byte("newer")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	if n, _ := reader.Read(b); string(b[:n]) != "old" {
		t.Errorf("a reader under way sees %q", b[:n])
	}
}

func TestWhatACrashLeftIsOverwritten(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json"), Backup: true}
	for _, left := range []string{".tmp", ".backup.tmp", ".backup"} {
		if err := os.WriteFile(f.Path+left, []byte("half a sta"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Save([]byte("whole")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]fs.FileMode{"s.json": 0o600, "s.json.backup": 0o600}, listing(t, filepath.Dir(f.Path))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := contents(t, f.Path+".backup"); got != "whole" {
		t.Errorf("the backup holds %q", got)
	}
}

func TestASymbolicLinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, precious := File{Path: filepath.Join(dir, "s.json")}, filepath.Join(dir, "precious")
	if err := errors.Join(os.WriteFile(precious, []byte("mine"), 0o600), os.Symlink(precious, f.Path+".tmp")); err != nil {
		t.Fatal(err)
	}
	if err := f.Save([]byte("state")); err == nil {
		t.Error("saved by way of a link")
	}
	if got := contents(t, precious); got != "mine" {
		t.Errorf("what the link points at holds %q", got)
	}
}

func TestTheBackupIsTheLastSave(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json"), Backup: true, Lock: true}
	for _, text := range []string{"one", "two"} {
		if err := f.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := f.LoadBackup(); string(b) != text || err != nil {
			t.Errorf("backup %q, %v; want %q", b, err, text)
		}
	}
	// What breaks the file leaves the backup whole: a save writes a new file.
	if err := replace(f.Path, []byte("br"), false); err != nil {
		t.Fatal(err)
	}
	if b, err := f.LoadBackup(); string(b) != "two" || err != nil {
		t.Errorf("backup %q, %v", b, err)
	}
}

func TestALockThatIsHeldKeepsTheFile(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json"), Lock: true}
	if err := f.Save([]byte("old")); err != nil {
		t.Fatal(err)
	}
	other := flock.New(f.Path + ".lock")
	if ok, err := other.TryLock(); !ok || err != nil {
		t.Fatalf("lock: %v %v", ok, err)
	}
	if err := f.Save([]byte("new")); err == nil || !strings.Contains(err.Error(), "holds the lock") {
		t.Errorf("saved though the lock is held: %v", err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, f.Path); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	if err := f.Save([]byte("new")); err != nil {
		t.Errorf("after the lock is free: %v", err)
	}
}

func TestKeepAside(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json")}
	if err := f.KeepAside(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with no file: %v", err)
	}
	for _, text := range []string{"garbage", "other garbage"} {
		if err := f.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := f.KeepAside(); err != nil {
			t.Fatal(err)
		}
		if got := contents(t, f.Path+".corrupt"); got != text {
			t.Errorf("kept %q, want %q", got, text)
		}
		if got := contents(t, f.Path); got != text {
			t.Errorf("the file itself holds %q", got)
		}
	}
}

func TestAHugeFileIsRefused(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "s.json")}
	if err := os.WriteFile(f.Path, bytes.Repeat([]byte(" "), MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Load(); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("loaded: %v", err)
	}
	if err := f.KeepAside(); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := File{Path: filepath.Join(blocked, "s.json")}
	if err := f.Save([]byte("x")); err == nil || !strings.Contains(err.Error(), f.Path) {
		t.Errorf("error is %v, want one that names the file", err)
	}
	if f.String() != f.Path {
		t.Errorf("String() = %q", f.String())
	}
}

func BenchmarkSave(b *testing.B) {
	text := bytes.Repeat([]byte("x"), 500)
	for _, f := range []File{{}, {Backup: true, Lock: true}} {
		f.Path = filepath.Join(b.TempDir(), "s.json")
		b.Run(map[bool]string{false: "plain", true: "locked with backup"}[f.Lock], func(b *testing.B) {
			for b.Loop() {
				if err := f.Save(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAPipeIsNoState(t *testing.T) {
	t.Parallel()
	f := File{Path: filepath.Join(t.TempDir(), "wan1_state.json")}
	if err := errors.Join(syscall.Mkfifo(f.Path, 0o600), syscall.Mkfifo(f.Path+".backup", 0o600)); err != nil {
		t.Fatal(err)
	}
	_, loaded := f.Load()
	_, backup := f.LoadBackup()
	for what, err := range map[string]error{"load": loaded, "backup": backup} {
		if !errors.Is(err, cycle.ErrNotPlain) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := f.KeepAside(); err != nil { // it is moved
		t.Error(err)
	}
	if info, err := os.Lstat(f.Path + ".corrupt"); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("kept aside: %v %v", info, err)
	}
	if err := f.Save([]byte("{}")); err != nil || contents(t, f.Path) != "{}" {
		t.Errorf("saved over it: %v", err)
	}
}
