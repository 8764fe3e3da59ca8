// Package ownertest is for tests of whose the files are that root makes. Tests alone
// import it.
package ownertest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Service is a user and a group that are not root.
const Service = 65534

// Folder makes a folder of the service's in another, which all may then come to. It
// skips the test where it is not root's.
func Folder(t *testing.T, parent string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of other owners want root")
	}
	dir := filepath.Join(parent, "run")
	if err := errors.Join(os.Chmod(parent, 0o755), os.Mkdir(dir, 0o755), os.Chown(dir, Service, Service)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Want wants a file or folder to be of a user, and of the group of that number; a link
// is not followed.
func Want(t *testing.T, path string, user uint32) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	want(t, path, info, user)
}

// WantAll wants everything in a folder to be the service's, and returns the names.
func WantAll(t *testing.T, dir string) (names string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names += e.Name() + "\n"
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // a temporary file
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want(t, e.Name(), info, Service)
	}
	return names
}

func want(t *testing.T, name string, info fs.FileInfo, user uint32) {
	t.Helper()
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != user || stat.Gid != user {
		t.Errorf("%s is of %d:%d, want %d", name, stat.Uid, stat.Gid, user)
	}
}
