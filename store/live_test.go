package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"wanctl/cycle"
	"wanctl/store/storetest"
)

// seen returns copies of the cycles that have come since.
func seen(t testing.TB, l *Live) (cs []cycle.Cycle) {
	t.Helper()
	if err := l.Cycles(func(c *cycle.Cycle) { cs = append(cs, *storetest.Clone(c)) }); err != nil {
		t.Error(err)
	}
	return cs
}

// find looks for rings and wants so many.
func find(t testing.TB, l *Live, want int) {
	t.Helper()
	if n, err := l.Find(); n != want || err != nil {
		t.Fatalf("%d rings, %v; want %d", n, err, want)
	}
}

// mirrored returns a queue with a crash ring for a database that is not there.
func mirrored(t testing.TB, size int) (q *queue, l *Live) {
	t.Helper()
	dir := tmpfs(t)
	path := filepath.Join(dir, "profile.db")
	q = newQueue(size)
	m, err := newMirror(dir, path, size)
	if err != nil {
		t.Fatal(err)
	}
	q.attach(m)
	l = newLive(path, dir)
	t.Cleanup(func() { l.Close(); q.detach() })
	return q, l
}

func TestLiveSeesWhatWaits(t *testing.T) {
	t.Parallel()
	q, l := mirrored(t, ringSize)
	one, two := newSampler("wan1", at0), newSampler("wan2", at0)
	var want []cycle.Cycle
	put := func(s *storetest.Sampler) {
		c := s.Next()
		c.Spans = append(c.Spans, cycle.Span{Label: "autorate_other", Part: cycle.Other, Target: "login rest", Duration: 7000})
		q.put(c)
		want = append(want, *storetest.Clone(c))
	}
	check := func() {
		t.Helper()
		got := seen(t, l)
		for i := range got { // the run is another copy of the same
			if diff := cmp.Diff(want[i].Run, got[i].Run); diff != "" {
				t.Fatal(diff)
			}
			got[i].Run = want[i].Run
		}
		if diff := cmp.Diff(microseconds(want), got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		want = nil
	}
	for range 40 {
		put(one)
	}
	find(t, l, 1)
	check()
	check() // nothing more has come
	put(one)
	put(two) // of a run that was not there before
	check()
	_, head, _ := q.span()
	q.release(head, 42, nil) // flushed
	put(two)
	check()
}

// microseconds rounds the times of cycles as records do.
func microseconds(cs []cycle.Cycle) []cycle.Cycle {
	for i := range cs {
		cs[i].Start = cs[i].Start.Truncate(time.Microsecond)
	}
	return cs
}

func TestLiveBeginsWithWhatIsNotInTheFile(t *testing.T) {
	t.Parallel()
	q, l := mirrored(t, ringSize)
	s := newSampler("wan1", at0)
	for range 30 {
		q.put(s.Next())
	}
	_, head, _ := q.span()
	q.release(head, 30, nil)
	q.put(s.Next())
	find(t, l, 1)
	if got := seen(t, l); len(got) != 1 || got[0].Seq != 31 {
		t.Errorf("%d cycles", len(got))
	}
}

// TestLiveFollowsARingThatIsWrapped reads a small ring after every few cycles, many
// times around, and now and then so late that it was written over.
func TestLiveFollowsARingThatIsWrapped(t *testing.T) {
	t.Parallel()
	q, l := mirrored(t, 16<<10)
	s := newSampler("wan1", at0)
	find(t, l, 1)
	last, released := int64(0), int64(0)
	for turn := range 400 {
		late := turn%50 == 49
		for n := range 1 + turn%37 + 500*int(bit(late)) {
			q.put(s.Next())
			if late && n%40 == 39 { // flushed, flushed, and nobody looked
				_, head, _ := q.span()
				q.release(head, 40, nil)
				released = s.Next().Seq - 1
			}
		}
		got := seen(t, l)
		if late {
			got = append(got, seen(t, l)...) // it has to find the tail first
			if len(got) == 0 || got[len(got)-1].Seq <= released-40 {
				t.Fatalf("turn %d: it did not catch up", turn)
			}
		}
		for i, c := range got {
			if c.Seq <= last || i > 0 && !late && c.Seq != last+1 {
				t.Fatalf("turn %d: cycle %d after %d", turn, c.Seq, last)
			}
			last = c.Seq
		}
		_, head, _ := q.span()
		q.release(head, q.waiting, nil)
	}
	if _, lost, _ := q.counts(); lost > 0 {
		t.Errorf("%d cycles were dropped: the test is wrong", lost)
	}
}

// TestLiveLooksOnAtAProcess watches another process that records and flushes, is
// killed and started again: together with the file, read between Find and Cycles,
// no cycle is missing, none is torn, and the next start recovers what it should.
func TestLiveLooksOnAtAProcess(t *testing.T) {
	t.Parallel()
	runtime := tmpfs(t)
	path := filepath.Join(t.TempDir(), "profile.db")
	l := newLive(path, runtime)
	t.Cleanup(l.Close)
	type key struct{ started, seq int64 }
	have := map[key]bool{}
	fromRing := 0
	known := ""
	look := func() {
		if _, err := l.Find(); err != nil {
			t.Error(err)
		}
		if rings := strings.Join(l.names(), " "); rings != known { // only what a new ring had before is in the file alone
			if r, err := OpenReader(context.Background(), path); err == nil {
				for _, c := range cyclesOf(t, r) {
					have[key{c.Run.Started.UnixMicro(), c.Seq}] = true
				}
				_ = r.Close()
				known = rings
			}
		}
		last := map[int64]int64{}
		for _, c := range seen(t, l) {
			k := key{c.Run.Started.UnixMicro(), c.Seq}
			if before, ok := last[k.started]; ok && c.Seq != before+1 || len(c.Spans) != 8 || c.Run.WAN != "wan1" {
				t.Errorf("cycle %d after %d, %d spans of %q", c.Seq, before, len(c.Spans), c.Run.WAN)
			}
			last[k.started] = c.Seq
			have[k] = true
			fromRing++
		}
	}
	handed := int64(0)
	for range 6 {
		cmd, lines := child(t, "record", path, runtime, "WANCTL_PAUSE=1ms")
		for lines.Scan() {
			n, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				break
			}
			if n%50 == 0 {
				look()
			}
			if n == 200 {
				handed += n
				_ = cmd.Process.Kill()
				break
			}
		}
		_ = cmd.Wait()
	}
	look()
	if h := revive(t, path, runtime); h.Recovered == 0 {
		t.Error("nothing was recovered")
	}
	runs := map[int64]int64{}
	for k := range have {
		runs[k.started] = max(runs[k.started], k.seq)
	}
	all := int64(0)
	for started, last := range runs {
		for seq := int64(1); seq <= last; seq++ {
			if all++; !have[key{started, seq}] {
				t.Errorf("cycle %d of %d was not seen", seq, last)
			}
		}
	}
	if all < handed || fromRing == 0 || len(runs) != 6 {
		t.Errorf("%d cycles of %d runs seen, %d in rings; %d were handed over", all, len(runs), fromRing, handed)
	}
	find(t, l, 0)
	t.Logf("%d cycles, %d of them seen in a ring", all, fromRing)
}

// TestLiveTakesNothingFromAnybody has rings looked at while a daemon starts: the one
// that belongs to nobody is still taken over, the one in use is not.
func TestLiveTakesNothingFromAnybody(t *testing.T) {
	t.Parallel()
	runtime := tmpfs(t)
	cfg := childConfig(filepath.Join(t.TempDir(), "profile.db"), runtime)
	left, err := newMirror(runtime, cfg.Path, ringSize)
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(ringSize)
	q.attach(left)
	for s := newSampler("wan1", at0); s.Next().Seq < 50; {
		q.put(s.Next())
	}
	l := newLive(cfg.Path, runtime)
	defer l.Close()
	find(t, l, 1)
	if n := len(seen(t, l)); n != 25 {
		t.Errorf("%d cycles seen", n)
	}
	if got := orphans(runtime, cfg.Path); len(got) != 0 {
		t.Error("looking on has taken a ring from its owner")
	}
	if err := unix.Flock(int(left.file.Fd()), unix.LOCK_UN); err != nil { // its owner is gone
		t.Fatal(err)
	}
	if h := record(t, cfg, func(*Writer) {}); h.Recovered != 25 {
		t.Errorf("%d cycles recovered while somebody looked on", h.Recovered)
	}
	find(t, l, 0)
}

func TestLiveFindsTheRingsOfItsDatabase(t *testing.T) {
	t.Parallel()
	_, l := mirrored(t, ringSize)
	dir := l.dirs[0]
	if err := os.WriteFile(l.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(l.path, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{l.path: 1, link: 1, filepath.Join(dir, "other.db"): 0} {
		other := newLive(path, filepath.Join(dir, "missing"), dir)
		find(t, other, want)
		other.Close()
	}
}

func TestLiveTellsOfRingsItCannotRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, name string)
		want  string
	}{
		{"of another version", func(t *testing.T, name string) { overwrite(t, name, 0, []byte("wanring9")) }, "another version"},
		{"of a size that is none", func(t *testing.T, name string) {
			overwrite(t, name, 8, binary.LittleEndian.AppendUint64(nil, 1<<40))
		}, "another version"},
		{"cut in its header", func(t *testing.T, name string) { truncate(t, name, 100) }, "cut short"},
		{"cut in its ring", func(t *testing.T, name string) { truncate(t, name, ringAt+100) }, "another version"},
		{"not permitted", func(t *testing.T, name string) {
			if os.Getuid() == 0 {
				t.Skip("root may read everything")
			}
			if err := os.Chmod(name, 0); err != nil {
				t.Fatal(err)
			}
		}, "permission denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, l := mirrored(t, ringSize)
			bad, err := newMirror(l.dirs[0], l.path, ringSize)
			if err != nil {
				t.Fatal(err)
			}
			defer bad.close(true)
			tc.spoil(t, bad.name)
			q.put(newSampler("wan1", at0).Next())
			n, err := l.Find()
			if n != 1 || err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), bad.name) {
				t.Errorf("%d rings, %v", n, err)
			}
			if len(seen(t, l)) != 1 {
				t.Error("the ring that can be read was not")
			}
		})
	}
}

func TestLiveSurvivesARingThatIsCutUnderIt(t *testing.T) {
	t.Parallel()
	q, l := mirrored(t, ringSize)
	q.put(newSampler("wan1", at0).Next())
	find(t, l, 1)
	truncate(t, q.mirror.name, 10)
	if err := l.Cycles(func(*cycle.Cycle) { t.Error("a cycle") }); !errors.Is(err, errCut) {
		t.Error(err)
	}
	if n, err := l.Find(); n != 0 || err == nil {
		t.Errorf("%d rings, %v", n, err)
	}
}

func TestLivePassesOverWhatHasNoRun(t *testing.T) {
	t.Parallel()
	q, l := mirrored(t, ringSize)
	known, homeless := newSampler("wan1", at0), newSampler("wan2", at0)
	q.put(known.Next())
	q.mirror.full = true // no room for another run
	q.put(homeless.Next())
	q.put(known.Next())
	find(t, l, 1)
	got := seen(t, l)
	got = append(got, seen(t, l)...) // the second look does not wait for the run
	if len(got) != 2 || got[1].Seq != 2 {
		t.Errorf("%d cycles", len(got))
	}
}

func overwrite(t *testing.T, name string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	if err := syscall.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkLive looks once a second at a loop of 20 Hz: so much for 20 cycles.
func BenchmarkLive(b *testing.B) {
	q, l := mirrored(b, ringSize)
	find(b, l, 1)
	c := newSampler("wan1", at0).Next()
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for range 20 {
			q.put(c)
		}
		find(b, l, 1)
		if err := l.Cycles(func(*cycle.Cycle) { n++ }); err != nil {
			b.Fatal(err)
		}
		_, head, _ := q.span()
		q.release(head, 20, nil)
	}
	if n != 20*b.N {
		b.Error(fmt.Sprint(n, " cycles"))
	}
}
