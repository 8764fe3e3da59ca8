package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"wanctl/configs"
)

func init() {
	for _, name := range []string{"wan1.yaml.example", "steering.yaml.example"} {
		fixtures[name] = func(_ context.Context, path string) error {
			text, err := configs.Examples.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o600)
		}
	}
}

// TestACheckTouchesNothing runs --check on the shipped examples as a process of its
// own, in an empty environment and a folder on a file system that nobody can write
// to: had it to write anything, it would fail. Nor does it make any of the folders
// that the examples name.
func TestACheckTouchesNothing(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("wanctl") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	for _, name := range []string{"wan1.yaml.example", "steering.yaml.example"} {
		if err := fixtures[name](t.Context(), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{"/var/lib/wanctl", "/var/log/wanctl", "/run/wanctl", "/run/lock/wanctl"}
	before := whatIsThere(t, elsewhere)
	for verb, name := range map[string]string{"autorate": "wan1.yaml.example", "steering": "steering.yaml.example"} {
		cmd := exec.Command(program, verb, "--config", name, "--check")
		var out bytes.Buffer
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = []string{}, dir, &out, &out
		if err := cmd.Run(); err != nil || !bytes.Contains(out.Bytes(), []byte(", from "+name)) {
			t.Errorf("%s: %v\n%s", verb, err, &out)
		}
	}
	if diff := cmp.Diff(before, whatIsThere(t, elsewhere)); diff != "" {
		t.Errorf("-before +after\n%s", diff)
	}
}

// whatIsThere lists what is in folders, which may not be there, with when it was
// changed.
func whatIsThere(t *testing.T, dirs []string) (found []string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil {
				found = append(found, path+" "+info.ModTime().String())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
