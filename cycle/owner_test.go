package cycle

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// service is a user and a group that are not root.
const service = 65534

// serviceFolder is a folder of the service's.
func serviceFolder(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of other owners want root")
	}
	dir := filepath.Join(t.TempDir(), "run")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, service, service)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wantOwner looks whose a file or folder is; a link is not followed.
func wantOwner(t *testing.T, path string, want uint32) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != want || stat.Gid != want {
		t.Errorf("%s is of %d:%d, want %d", path, stat.Uid, stat.Gid, want)
	}
}

func openAndClose(t *testing.T, path string, flag int) {
	t.Helper()
	f, err := OpenFile(path, flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatRootMakesIsItsFoldersOwners(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	const flags = os.O_RDWR | os.O_CREATE
	openAndClose(t, filepath.Join(dir, "made"), flags)
	wantOwner(t, filepath.Join(dir, "made"), service)
	openAndClose(t, filepath.Join(dir, "made alone"), flags|os.O_EXCL)
	wantOwner(t, filepath.Join(dir, "made alone"), service)
	Premake(filepath.Join(dir, "ahead"), 0o644)
	wantOwner(t, filepath.Join(dir, "ahead"), service)
	if err := MkdirAll(filepath.Join(dir, "a", "b")+"/", 0o755); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, filepath.Join(dir, "a"), service)
	wantOwner(t, filepath.Join(dir, "a", "b"), service)
	openAndClose(t, filepath.Join(dir, "a", "b", "deep"), flags)
	wantOwner(t, filepath.Join(dir, "a", "b", "deep"), service)

	// In a folder of root's everything is root's.
	above := filepath.Dir(dir)
	openAndClose(t, filepath.Join(above, "made"), flags)
	wantOwner(t, filepath.Join(above, "made"), 0)
	if err := MkdirAll(filepath.Join(above, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	wantOwner(t, filepath.Join(above, "a", "b"), 0)
}

func TestWhatIsThereKeepsItsOwner(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	old, elsewhere := filepath.Join(dir, "old"), filepath.Join(filepath.Dir(dir), "elsewhere")
	for _, path := range []string{old, elsewhere} {
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openAndClose(t, old, os.O_RDWR|os.O_CREATE)
	Premake(old, 0o644)
	wantOwner(t, old, 0)
	if _, err := OpenFile(old, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("made over a file: %v", err)
	}
	if text, err := os.ReadFile(old); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}

	// Links lead where they lead, and nothing is given there.
	for link, to := range map[string]string{"to a file": elsewhere, "to nothing": filepath.Join(filepath.Dir(dir), "new")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		openAndClose(t, filepath.Join(dir, link), os.O_WRONLY|os.O_CREATE)
		wantOwner(t, to, 0)
		if _, err := OpenFile(filepath.Join(dir, link), os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("a link %s that is not to be followed: %v", link, err)
		}
	}
	if err := MkdirAll(filepath.Join(old, "sub"), 0o755); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a folder in a file: %v", err)
	}
}

// TestOnlyWhatWasJustMadeIsGiven has somebody who may write into the folder put other
// things where root has just made something.
func TestOnlyWhatWasJustMadeIsGiven(t *testing.T) {
	t.Parallel()
	dir := serviceFolder(t)
	precious := filepath.Join(filepath.Dir(dir), "precious")
	if err := errors.Join(os.WriteFile(precious, nil, 0o600), os.MkdirAll(filepath.Join(dir, "full", "sub"), 0o755),
		os.Link(precious, filepath.Join(dir, "linked")), os.Symlink(precious, filepath.Join(dir, "symbolic"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"linked", "symbolic", "full"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := Give(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
		wantOwner(t, filepath.Join(dir, name), 0)
	}
	wantOwner(t, precious, 0)

	moved, err := os.Create(filepath.Join(dir, "moved"))
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	if err := errors.Join(os.Rename(moved.Name(), precious), os.WriteFile(moved.Name(), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := Give(moved); err != nil {
		t.Error(err)
	}
	wantOwner(t, precious, 0)
	wantOwner(t, moved.Name(), 0)
}
