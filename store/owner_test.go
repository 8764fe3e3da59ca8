package store

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"wanctl/cycle/ownertest"
)

// TestWhatRootRecordsIsItsFoldersOwners records as root into a folder of another user's,
// and looks at what is there while the file is open: also a second file, begun where
// the first broke.
func TestWhatRootRecordsIsItsFoldersOwners(t *testing.T) {
	t.Parallel()
	dir := ownertest.Folder(t, tmpfs(t))
	cfg := childConfig(filepath.Join(dir, "profile.db"), filepath.Join(dir, "rings"))
	w := NewWriter(cfg, nil)
	w.Begin()
	if got := ownertest.WantAll(t, dir); got != "rings\n" {
		t.Errorf("after the start:\n%s", got)
	}
	rings, err := os.ReadDir(cfg.Runtime)
	if err != nil || len(rings) != 1 {
		t.Fatalf("%v, %v", rings, err)
	}
	if info, err := rings[0].Info(); err != nil || info.Sys().(*syscall.Stat_t).Uid != ownertest.Service {
		t.Errorf("the crash ring is not the service's: %v", err)
	}
	w.Record(newSampler("wan1", at0).Next())
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if got := ownertest.WantAll(t, dir); got != "profile.db\nprofile.db-shm\nprofile.db-wal\nrings\n" {
		t.Errorf("with the file open:\n%s", got)
	}
	w.setAside(&brokenError{errNoise})
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if got := ownertest.WantAll(t, dir); !strings.HasPrefix(got, "profile.db\nprofile.db-shm\nprofile.db-wal\nprofile.db.broken-") {
		t.Errorf("with a new file open:\n%s", got)
	}
	w.close()
}
