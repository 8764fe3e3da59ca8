package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWhatRootRecordsIsItsFoldersOwners records as root into a folder of another user's,
// and looks at what is there while the file is open: also a second file, begun where
// the first broke.
func TestWhatRootRecordsIsItsFoldersOwners(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("files of other owners want root")
	}
	const service = 65534
	dir := filepath.Join(tmpfs(t), "run")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, service, service)); err != nil {
		t.Fatal(err)
	}
	names := func() (names string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names += e.Name() + "\n"
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if stat := info.Sys().(*syscall.Stat_t); stat.Uid != service || stat.Gid != service {
				t.Errorf("%s is of %d:%d", e.Name(), stat.Uid, stat.Gid)
			}
		}
		return names
	}
	cfg := childConfig(filepath.Join(dir, "profile.db"), filepath.Join(dir, "rings"))
	w := NewWriter(cfg, nil)
	w.Begin()
	if got := names(); got != "rings\n" {
		t.Errorf("after the start:\n%s", got)
	}
	rings, err := os.ReadDir(cfg.Runtime)
	if err != nil || len(rings) != 1 {
		t.Fatalf("%v, %v", rings, err)
	}
	if info, err := rings[0].Info(); err != nil || info.Sys().(*syscall.Stat_t).Uid != service {
		t.Errorf("the crash ring is not the service's: %v", err)
	}
	w.Record(newSampler("wan1", at0).Next())
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if got := names(); got != "profile.db\nprofile.db-shm\nprofile.db-wal\nrings\n" {
		t.Errorf("with the file open:\n%s", got)
	}
	w.setAside(&brokenError{errNoise})
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if got := names(); !strings.HasPrefix(got, "profile.db\nprofile.db-shm\nprofile.db-wal\nprofile.db.broken-") {
		t.Errorf("with a new file open:\n%s", got)
	}
	w.close()
}
