package simulator

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTrafficFollowsLoadAndLimit(t *testing.T) {
	t.Parallel()
	const M = 1_000_000
	for _, tc := range []struct {
		name   string
		load   Load
		limit  int64
		want   Counters
		queued uint64 // packets
	}{
		{"nothing offered", nil, 10 * M, Counters{}, 0},
		{"below the limit", Constant(8 * M), 10 * M, Counters{1 * M, 800, 0}, 0},
		{"at the limit", Constant(10 * M), 10 * M, Counters{1_250_000, 1000, 0}, 0},
		// 2.5 MB come, 1.25 MB leave, 62.5 kB wait, the rest is lost.
		{"above the limit", Constant(20 * M), 10 * M, Counters{1_250_000, 1000, 950}, 50},
		{"unlimited", Constant(20 * M), 0, Counters{2_500_000, 2000, 0}, 0},
		{"a small queue holds ten packets", Constant(2 * M), 1 * M, Counters{125_000, 100, 90}, 10},
		// Ten times 50 ms of 20M and 50 ms of nothing: the queue fills and drains.
		{"bursts", Load{{50 * time.Millisecond, 20 * M}, {50 * time.Millisecond, 0}}, 10 * M, Counters{1_250_000, 1000, 0}, 0},
	} {
		f := &flow{load: tc.load, limit: tc.limit}
		f.advance(0, time.Second)
		if diff := cmp.Diff(tc.want, f.count); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		if _, packets := f.queued(); packets != tc.queued {
			t.Errorf("%s: %d packets wait, want %d", tc.name, packets, tc.queued)
		}
	}
}

func TestTrafficDoesNotDependOnWhenItIsRead(t *testing.T) {
	t.Parallel()
	load := Load{{30 * time.Millisecond, 25_000_000}, {70 * time.Millisecond, 3_000_000}}
	whole := &flow{load: load, limit: 9_000_000}
	whole.advance(0, 10*time.Second)
	r := rand.New(rand.NewPCG(1, 2))
	often := &flow{load: load, limit: 9_000_000}
	for at := time.Duration(0); at < 10*time.Second; {
		next := min(at+time.Duration(r.Int64N(int64(20*time.Millisecond))), 10*time.Second)
		often.advance(at, next)
		at = next
	}
	for _, c := range []struct {
		name string
		a, b uint64
	}{
		{"bytes", whole.count.Bytes, often.count.Bytes},
		{"packets", whole.count.Packets, often.count.Packets},
		{"dropped", whole.count.Dropped, often.count.Dropped},
	} {
		if diff := int64(c.a) - int64(c.b); diff < -2 || diff > 2 {
			t.Errorf("%s: %d read once, %d read often", c.name, c.a, c.b)
		}
	}
	if offered := 10 * (25e6*0.3 + 3e6*0.7) / 8; float64(whole.count.Bytes)+float64(whole.count.Dropped)*packetSize > offered+packetSize {
		t.Errorf("more came out than went in: %+v of %.0f bytes", whole.count, offered)
	}
}

func TestCountersWrapAndStick(t *testing.T) {
	t.Parallel()
	k := newClock()
	cfg := usual(k)
	cfg.Wrap32 = true
	cfg.Queues[0].Counters = Counters{Bytes: 1 << 40, Packets: 1<<32 - 1, Dropped: 7}
	s := start(t, cfg)
	k.pass(time.Second)
	if q, _ := s.Queue(download); q.Packets != 7999 || q.Bytes != 1<<40+10_000_000 {
		t.Errorf("wrapped: %+v", q.Counters)
	}
	s.SetStuck(download, true)
	k.pass(time.Second)
	if q, _ := s.Queue(download); q.Packets != 7999 {
		t.Errorf("stuck counters moved: %+v", q.Counters)
	}
	if _, err := s.Console("/queue tree reset-counters-all"); err != nil {
		t.Fatal(err)
	}
	if q, _ := s.Queue(download); q.Counters != (Counters{}) {
		t.Errorf("after a reset: %+v", q.Counters)
	}
}

func TestParseLoad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Load{
		"80M":              {{Rate: 80_000_000}},
		"20M:5s,90.5M:1m":  {{5 * time.Second, 20_000_000}, {time.Minute, 90_500_000}},
		"1000000:100ms,5k": {{100 * time.Millisecond, 1_000_000}, {0, 5000}},
	} {
		if got, err := ParseLoad(text); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "fast", "1M:", "1M:-5s", "1M,2M", "-5M", "5T", "1e3", "1M:5s,"} {
		if got, err := ParseLoad(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}
