package cycle

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"wanctl/cycle/ownertest"
)

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
	dir := ownertest.Folder(t, t.TempDir())
	const flags = os.O_RDWR | os.O_CREATE
	openAndClose(t, filepath.Join(dir, "made"), flags)
	ownertest.Want(t, filepath.Join(dir, "made"), ownertest.Service)
	openAndClose(t, filepath.Join(dir, "made alone"), flags|os.O_EXCL)
	ownertest.Want(t, filepath.Join(dir, "made alone"), ownertest.Service)
	Premake(filepath.Join(dir, "ahead"), 0o644)
	ownertest.Want(t, filepath.Join(dir, "ahead"), ownertest.Service)
	if err := MkdirAll(filepath.Join(dir, "a", "b")+"/", 0o755); err != nil {
		t.Fatal(err)
	}
	ownertest.Want(t, filepath.Join(dir, "a"), ownertest.Service)
	ownertest.Want(t, filepath.Join(dir, "a", "b"), ownertest.Service)
	openAndClose(t, filepath.Join(dir, "a", "b", "deep"), flags)
	ownertest.Want(t, filepath.Join(dir, "a", "b", "deep"), ownertest.Service)

	// In a folder of root's everything is root's.
	above := filepath.Dir(dir)
	openAndClose(t, filepath.Join(above, "made"), flags)
	ownertest.Want(t, filepath.Join(above, "made"), 0)
	if err := MkdirAll(filepath.Join(above, "a", "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	ownertest.Want(t, filepath.Join(above, "a", "b"), 0)
}

func TestWhatIsThereKeepsItsOwner(t *testing.T) {
	t.Parallel()
	dir := ownertest.Folder(t, t.TempDir())
	old, elsewhere := filepath.Join(dir, "old"), filepath.Join(filepath.Dir(dir), "elsewhere")
	for _, path := range []string{old, elsewhere} {
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openAndClose(t, old, os.O_RDWR|os.O_CREATE)
	Premake(old, 0o644)
	ownertest.Want(t, old, 0)
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
		ownertest.Want(t, to, 0)
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
	dir := ownertest.Folder(t, t.TempDir())
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
		ownertest.Want(t, filepath.Join(dir, name), 0)
	}
	ownertest.Want(t, precious, 0)

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
	ownertest.Want(t, precious, 0)
	ownertest.Want(t, moved.Name(), 0)
}
