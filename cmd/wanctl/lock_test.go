package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLockIsHeldOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run", "wan1.lock")
	lock, err := lockDaemon(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != fmt.Sprintln(os.Getpid()) {
		t.Errorf("the lock holds %q", got)
	}
	if _, err := lockDaemon(path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d holds it", os.Getpid())) {
		t.Errorf("locked twice: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockDaemon(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestLocksOfOtherPrograms meets lock files that nobody has locked but that name a
// process, as the Python program leaves them.
func TestLocksOfOtherPrograms(t *testing.T) {
	t.Parallel()
	running := map[string]*exec.Cmd{}
	for _, name := range []string{"wanctl-autorate", "sleep"} {
		running[name] = exec.CommandContext(t.Context(), "sleep", "60")
		running[name].Args[0] = name
		if err := running[name].Start(); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		for _, c := range running {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for text, free := range map[string]bool{
		fmt.Sprintln(running["wanctl-autorate"].Process.Pid): false, fmt.Sprintln(running["sleep"].Process.Pid): true, "999999999\n": true, "": true, "no number": true, "-1": true, fmt.Sprint(os.Getpid()): true, strings.Repeat("9", 100): true,
	} {
		path := filepath.Join(t.TempDir(), "wan1.lock")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		lock, err := lockDaemon(path)
		if (err == nil) != free {
			t.Errorf("%q: %v, want free %v", text, err, free)
		}
		if err == nil {
			lock.Close()
		}
	}
}

func TestLockThatCannotBeMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "wan1.lock"), dir} {
		if _, err := lockDaemon(path); err == nil || !strings.Contains(err.Error(), "lock_file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
