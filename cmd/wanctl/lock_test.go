package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
// process, as the Python program leaves them, and as a killed daemon does whose number
// was given to another process since.
func TestLocksOfOtherPrograms(t *testing.T) {
	t.Parallel()
	start := func(args ...string) string {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Args = append([]string{args[0], "-test.run=^TestHolderOfALock$"}, args[1:]...)
		c.Env = append(os.Environ(), "WANCTL_TEST_LOCK="+filepath.Join(t.TempDir(), "its own.lock"))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return fmt.Sprintln(c.Process.Pid)
	}
	for text, free := range map[string]bool{
		start("/usr/bin/python3.11", "wanctl.autorate_continuous", "--config", "wan1.yaml"): false,
		start("python3", "/usr/bin/backup"):                                                 true,
		start("/opt/wanctl-2", "autorate", "--config", "/etc/wanctl/wan2.yaml"):             true,
		start("tail", "/var/log/wanctl/wan1.log", "-f"):                                     true,
		fmt.Sprint(os.Getpid()):                                                             true,
		"999999999\n":                                                                       true, "": true, "no number": true, "-1": true, strings.Repeat("9", 100): true,
	} {
		path := filepath.Join(t.TempDir(), "wan1.lock")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if pid := heldBy(path); (pid == 0) != free {
			t.Errorf("%q: the doctor sees %d hold it, want free %v", text, pid, free)
		}
		lock, err := lockDaemon(path)
		if (err == nil) != free {
			t.Errorf("%q: %v, want free %v", text, err, free)
		}
		if err == nil {
			if pid := heldBy(path); pid != os.Getpid() {
				t.Errorf("%q: held by %d", text, pid)
			}
			lock.Close()
		}
	}
}

// TestALookAtALockDisturbsNobody lets others look at a lock all the time that is
// taken again and again.
func TestALookAtALockDisturbsNobody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wan1.lock")
	done := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(done)
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					heldBy(path)
				}
			}
		})
	}
	for range 300 {
		lock, err := lockDaemon(path)
		if err != nil {
			t.Fatal(err)
		}
		lock.Close()
	}
}

// TestLockThatWasRemoved opens a lock file and has it removed before it is locked,
// as the Python program does with its own at its end.
func TestLockThatWasRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wan1.lock")
	old, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // then there is none, and then another one
		if stale, err := take(old, path); err != nil || !stale {
			t.Errorf("stale %v, %v", stale, err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneOfManyGetsTheLock lets many want a lock whose file is removed all the time.
func TestOneOfManyGetsTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "wan1.lock")
	var held, most, got atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				lock, err := lockDaemon(path)
				if err != nil {
					if !strings.Contains(err.Error(), "holds it") {
						t.Error(err)
					}
					continue
				}
				got.Add(1)
				most.Store(max(most.Load(), held.Add(1)))
				held.Add(-1)
				_ = os.Remove(path) // under the lock, like the Python program
				lock.Close()
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || got.Load() < 2 {
		t.Errorf("taken %d times, by up to %d at once", got.Load(), most.Load())
	}
}

// TestLockBetweenProcesses starts the daemon beside a holder of its lock, in
// processes of their own, and again once the holder was killed.
func TestLockBetweenProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "wan1.lock")
	holder := exec.CommandContext(t.Context(), os.Args[0], "-test.run=TestHolderOfALock")
	holder.Env = append(os.Environ(), "WANCTL_TEST_LOCK="+path)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Wait()
	defer holder.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := lockDaemon(path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d holds it", holder.Process.Pid)) {
		t.Errorf("beside a holder: %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	lock, err := lockDaemon(path)
	if err != nil {
		t.Fatalf("the holder was killed, and its lock is not free: %v", err)
	}
	lock.Close()
}

// TestHolderOfALock is the other process of the test above.
func TestHolderOfALock(t *testing.T) {
	path := os.Getenv("WANCTL_TEST_LOCK")
	if path == "" {
		t.Skip("this is a process of TestLockBetweenProcesses")
	}
	if _, err := lockDaemon(path); err != nil {
		t.Fatal(err)
	}
	fmt.Println("held")
	time.Sleep(time.Minute) // until it is killed
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
