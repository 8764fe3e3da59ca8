package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wanctl/cycle"
)

// tmpfs returns a folder on a tmpfs.
func tmpfs(t testing.TB) string {
	t.Helper()
	if onTmpfs("/dev/shm") != nil {
		t.Skip("there is no tmpfs at /dev/shm")
	}
	dir, err := os.MkdirTemp("/dev/shm", "wanctl-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// child starts one of the children.
func child(t *testing.T, name, path, runtime string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], path, runtime)
	cmd.Env = append(os.Environ(), append(env, childEnv+"="+name)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// TestKilledAnywhereNothingHandedOverIsLost kills a recording process at any
// moment, some times in CI and WANCTL_KILLS times when asked: what it said it had
// handed over is on record after the next start, once, and the file is whole.
func TestKilledAnywhereNothingHandedOverIsLost(t *testing.T) {
	t.Parallel()
	kills := 25
	if n, err := strconv.Atoi(os.Getenv("WANCTL_KILLS")); err == nil {
		kills = n
	}
	runtime := tmpfs(t)
	path := filepath.Join(t.TempDir(), "profile.db")
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	handed, recovered := int64(0), int64(0)
	for kill := range kills {
		handed += killOne(t, path, runtime, random)
		h := revive(t, path, runtime)
		recovered += h.Recovered
		if got := countOf(t, path); got < handed || got > handed+int64(kill)+1 {
			t.Fatalf("kill %d: %d cycles on record, %d were handed over", kill, got, handed)
		} else {
			handed = got // at most one more was handed over than was told
		}
	}
	r := reading(t, path)
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	marked := int64(0)
	for _, c := range cyclesOf(t, r) {
		if c.Recovered {
			marked++
		}
	}
	if recovered == 0 || marked != recovered {
		t.Errorf("%d cycles are marked as recovered, %d were", marked, recovered)
	}
	figure("make kills", "kill -9, %d times, of %d cycles", "none lost that was handed over, the file whole", "none lost, %d recovered from the crash ring, whole", kills, handed, recovered)
}

// killOne lets a child record, kills it, and returns how many cycles it said it
// had handed over. The child always pauses: without, a fast machine hands over more
// than can wait, and what is dropped then is no loss of the kill's.
func killOne(t *testing.T, path, runtime string, random *rand.Rand) (handed int64) {
	t.Helper()
	cmd, lines := child(t, "record", path, runtime, "WANCTL_PAUSE="+(time.Duration(1+random.IntN(300))*time.Microsecond).String())
	after := time.Duration(5+random.IntN(60)) * time.Millisecond
	for lines.Scan() {
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			break // killed in the middle of a line
		}
		if handed == 0 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
		handed = n
	}
	_ = cmd.Wait()
	return handed
}

// revive starts a daemon that has nothing to record itself.
func revive(t *testing.T, path, runtime string) Health {
	t.Helper()
	cfg := childConfig(path, runtime)
	return record(t, cfg, func(*Writer) {})
}

func countOf(t *testing.T, path string) (n int64) {
	t.Helper()
	i, err := reading(t, path).Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return i.Cycles
}

// stopped stops a recording process for a while: what it missed is counted to the
// slot.
func stopped(t *testing.T) harm {
	stop := 1500 * time.Millisecond
	if inFull {
		stop = 10 * time.Second
	}
	path := filepath.Join(t.TempDir(), "profile.db")
	cmd, _ := child(t, "loop", path, tmpfs(t))
	signal := func(s syscall.Signal) {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	beside := &lateness{}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- looping(beside).Run(ctx) }()
	time.Sleep(600 * time.Millisecond)
	signal(syscall.SIGSTOP)
	time.Sleep(stop)
	signal(syscall.SIGCONT)
	time.Sleep(300 * time.Millisecond)
	signal(syscall.SIGTERM)
	end()
	if err := errors.Join(cmd.Wait(), <-done); err != nil {
		t.Fatal(err)
	}
	cs := cyclesOf(t, reading(t, path))
	if len(cs) < 20 {
		t.Fatalf("%d cycles", len(cs))
	}
	missed, late := int64(0), &lateness{}
	for _, c := range cs {
		missed += c.Missed
		late.Record(&c)
	}
	// Scheduled starts are whole budgets apart: that tells how many slots there were.
	first, last := scheduled(&cs[0]), scheduled(&cs[len(cs)-1])
	slots := int64(last.Sub(first).Round(20*time.Millisecond)/(20*time.Millisecond)) + 1
	if int64(len(cs))+missed != slots || missed < int64((stop-100*time.Millisecond)/(20*time.Millisecond)) {
		t.Errorf("%d cycles and %d missed in %d slots", len(cs), missed, slots)
	}
	return harm{"the process is stopped (SIGSTOP)", stop, int64(len(cs)), 0, 0, fmt.Sprintf("%d slots missed of %d, exactly", missed, slots), late.high(), beside.high()}
}

func scheduled(c *cycle.Cycle) time.Time { return c.Start.Add(-c.Late) }

func TestWithoutATmpfsItSaysSoOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t) // its folder is on disk, or the test proves nothing
	if onTmpfs(cfg.Runtime) == nil {
		t.Skip("the folder of temporary files is a tmpfs")
	}
	log := &logged{}
	w := NewWriter(cfg, log.logger())
	ctx, cancel := context.WithCancel(context.Background())
	w.Record(newSampler("wan1", at0).Next())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := log.count("no crash ring"); n != 1 || w.Health().Recorded != 1 {
		t.Errorf("said %d times; %+v\n%s", n, w.Health(), log)
	}
}

func TestDaemonsLeaveEachOthersRingsAlone(t *testing.T) {
	t.Parallel()
	runtime := tmpfs(t)
	cfg := childConfig(filepath.Join(t.TempDir(), "profile.db"), runtime)
	cfg.FlushInterval = time.Hour
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for i := range 2 {
		w := NewWriter(cfg, nil)
		s := newSampler(fmt.Sprintf("wan%d", i), at0)
		go func() { done <- w.Run(ctx) }()
		for range 100 {
			w.Record(s.Next())
		}
		time.Sleep(200 * time.Millisecond)
	}
	rings, _ := filepath.Glob(filepath.Join(runtime, "*"+mirrorSuffix))
	if len(rings) != 2 {
		t.Errorf("rings: %s", strings.Join(rings, " "))
	}
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, c := range cyclesOf(t, reading(t, cfg.Path)) {
		if c.Recovered {
			t.Fatal("a daemon took over another's cycles while that was running")
		}
	}
	if rings, _ = filepath.Glob(filepath.Join(runtime, "*")); len(rings) != 0 {
		t.Errorf("left behind: %s", strings.Join(rings, " "))
	}
}
