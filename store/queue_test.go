package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"wanctl/cycle"
	"wanctl/store/storetest"
)

// TestRecordAllocatesNothing times and records cycles of six spans (the total is the
// sixth) and three probes, in memory alone and with the crash ring beside it.
func TestRecordAllocatesNothing(t *testing.T) {
	for _, mirrored := range []bool{false, true} {
		w := NewWriter(testConfig(t), nil)
		if mirrored {
			m, err := newMirror(t.TempDir(), w.cfg.Path, ringSize)
			if err != nil {
				t.Fatal(err)
			}
			w.queue.attach(m)
			defer w.queue.detach()
		}
		c, timer := newSampler("wan1", at0).Next(), cycle.NewTimer(cycle.Autorate, nil)
		one := func() {
			timer.Begin(c.Start)
			for _, p := range cycle.Stretches {
				timer.Start(p).Stop(cycle.OK)
			}
			for _, r := range c.Run.Reflectors {
				timer.StartTarget(cycle.Probe, r).Stop(cycle.OK)
			}
			c.Spans, c.Lost = timer.Spans()
			w.Record(c)
		}
		one()
		if n := testing.AllocsPerRun(1000, one); n != 0 || len(c.Spans) != 8 {
			t.Errorf("with a crash ring: %v: %v allocations per cycle of %d spans", mirrored, n, len(c.Spans))
		}
		if h := w.Health(); h.Dropped > 0 || h.Waiting != 1002 {
			t.Errorf("%+v", h)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, mirrored := range []bool{false, true} {
		name := "memory"
		if mirrored {
			name = "mirrored"
		}
		b.Run(name, func(b *testing.B) {
			w := NewWriter(testConfig(b), nil)
			if mirrored {
				m, err := newMirror(b.TempDir(), w.cfg.Path, ringSize)
				if err != nil {
					b.Fatal(err)
				}
				w.queue.attach(m)
				defer w.queue.detach()
			}
			c := newSampler("wan1", at0).Next()
			b.ReportAllocs()
			for b.Loop() {
				w.Record(c)
				if _, head, _ := w.queue.span(); head-w.queue.tail > ringSize/2 {
					w.queue.release(head, 0, nil)
				}
			}
		})
	}
}

func TestRecordsSurviveTheRing(t *testing.T) {
	t.Parallel()
	q := newQueue(8 << 10)
	s := newSampler("wan1", at0)
	r := records{}
	scratch := make([]byte, positionLen)
	for turn := range 60 { // many times around
		var want, got []cycle.Cycle
		for range 1 + turn%23 {
			c := s.Next()
			if turn%5 == 0 {
				c.Spans = append(c.Spans, cycle.Span{Label: "autorate_other", Part: cycle.Other, Target: "login", Duration: 7000}, cycle.Span{Label: "foreign thing", Part: cycle.Other})
			}
			want = append(want, *storetest.Clone(c))
			q.put(c)
		}
		tail, head, runs := q.span()
		r.runs = runs
		for tail != head {
			b, after, ok := next(q.ring, tail, scratch)
			if !ok {
				t.Fatalf("turn %d: no frame at %d before %d", turn, tail, head)
			}
			c, err := r.read(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, *storetest.Clone(c))
			tail = after
		}
		q.release(head, len(got), nil)
		if diff := cmp.Diff(want, got, wholeMicros); diff != "" {
			t.Fatalf("turn %d (-want +got)\n%s", turn, diff)
		}
	}
	if _, lost, waiting := q.counts(); lost != 0 || waiting != 0 {
		t.Errorf("lost %d, waiting %d", lost, waiting)
	}
}

// wholeMicros compares times as they are recorded.
var wholeMicros = cmp.Transformer("micros", func(s cycle.Span) cycle.Span {
	s.Duration, s.Offset = cycle.FromMicros(s.Duration.Microseconds()), cycle.FromMicros(s.Offset.Microseconds())
	return s
})

func TestAFullQueueCountsWhatItDrops(t *testing.T) {
	t.Parallel()
	q := newQueue(16 << 10)
	one, two := newSampler("wan1", at0), newSampler("wan2", at0)
	for range 1000 {
		q.put(one.Next())
		q.put(two.Next())
	}
	taken, lost, waiting := q.counts()
	if taken+lost != 2000 || lost == 0 || int(taken) != waiting {
		t.Errorf("taken %d, lost %d, waiting %d", taken, lost, waiting)
	}
	drops := q.drops()
	if sum := drops[one.Info].count + drops[two.Info].count; sum != lost {
		t.Errorf("%d drops by run, %d in all", sum, lost)
	}
	q.put(one.Next()) // dropped while the drops are being told
	tail, head, _ := q.span()
	q.release(head, waiting, drops)
	if left := q.drops(); len(left) != 1 || left[one.Info].count != 1 {
		t.Errorf("left %v after %d..%d were released", left, tail, head)
	}
}

func FuzzRecords(f *testing.F) {
	s := newSampler("wan1", at0)
	f.Add(appendRecord(nil, 0, s.Next()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := records{runs: []*cycle.Run{s.Info}}
		c, err := r.read(b)
		if err != nil {
			return
		}
		again := appendRecord(nil, 0, c)
		v := records{runs: r.runs}
		d, err := v.read(again)
		if err != nil {
			t.Fatalf("%x is read, but not as it is written again: %v", b, err)
		}
		if len(d.Spans) != len(c.Spans) || d.Seq != c.Seq || !d.Start.Equal(c.Start) {
			t.Fatalf("%+v became %+v", c, d)
		}
	})
}

func TestTheCrashRingGivesBackWhatWasNotReleased(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		harm func(t *testing.T, ring []byte, frames []int) // what happens to the file
		want int
	}{
		{"whole", func(*testing.T, []byte, []int) {}, 60},
		{"last frame torn", func(t *testing.T, ring []byte, frames []int) { ring[ringAt+frames[len(frames)-1]+20] ^= 1 }, 59},
		{"length torn", func(t *testing.T, ring []byte, frames []int) { ring[ringAt+frames[len(frames)-1]+3] = 0xff }, 59},
		{"runs torn", func(t *testing.T, ring []byte, frames []int) { ring[runsAt+12] ^= 1 }, 0},
		{"magic torn", func(t *testing.T, ring []byte, frames []int) { ring[0] ^= 1 }, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			q := newQueue(16 << 10)
			s := newSampler("wan1", at0)
			q.put(s.Next()) // before there is a crash ring
			m, err := newMirror(dir, "/some.db", len(q.ring))
			if err != nil {
				t.Fatal(err)
			}
			q.attach(m)
			var frames []int
			put := func(n int) {
				for range n {
					q.put(s.Next())
				}
			}
			put(39)
			_, head, _ := q.span()
			q.release(head, 40, nil)
			for range 60 {
				at := int(q.head) % len(q.ring)
				frames = append(frames, at)
				put(1)
			}
			frames[len(frames)-1] = lastFrame(q)
			if got := orphans(dir, "/some.db"); got != nil {
				t.Fatal("a ring in use was adopted")
			}
			ring, err := os.ReadFile(m.name)
			if err != nil {
				t.Fatal(err)
			}
			tc.harm(t, ring, frames)
			_ = unix.Munmap(m.m) // as the end of the process would
			_ = m.file.Close()
			if err := os.WriteFile(m.name, ring, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := orphans(dir, "/other.db"); got != nil {
				t.Fatal("another database's ring was adopted")
			}
			found := orphans(dir, "/some.db")
			if tc.want < 0 {
				if found != nil {
					t.Fatal("a ring that is none was adopted")
				}
				return
			}
			if len(found) != 1 {
				t.Fatalf("%d rings", len(found))
			}
			n := 0
			if err := found[0].cycles(func(c *cycle.Cycle) error {
				n++
				if c.Seq != int64(40+n) || !c.Recovered || c.Run.WAN != "wan1" {
					t.Errorf("cycle %d: %+v", n, c)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if n != tc.want {
				t.Errorf("%d cycles, want %d", n, tc.want)
			}
			found[0].close(true)
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// lastFrame is where the newest frame lies in the ring.
func lastFrame(q *queue) int {
	scratch := make([]byte, positionLen)
	at := q.tail
	for {
		_, after, ok := next(q.ring, at, scratch)
		if !ok || after == q.head {
			if size := uint64(len(q.ring)); size-at%size < frameHead || q.ring[at%size] == 0xff {
				return 0
			}
			return int(at % uint64(len(q.ring)))
		}
		at = after
	}
}

func TestAMirrorWhoseFileWasCutEndsItself(t *testing.T) {
	t.Parallel()
	m, err := newMirror(t.TempDir(), "/some.db", 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(m.name, 0); err != nil {
		t.Fatal(err)
	}
	m.write(100, []byte("hello")) // a SIGBUS, were it not caught
	if !m.gone {
		t.Error("the mirror did not notice")
	}
	m.close(true)
}
