package screen

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"go.uber.org/goleak"

	"wanctl/analyze"
	"wanctl/cycle"
	"wanctl/cycle/golden"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var epoch = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// house is five minutes of two WANs and steering, with a bad spell of wan1 from the
// second minute to the third: what a cycle takes follows from its number alone.
func house(window time.Duration) Snapshot {
	snap := map[time.Duration]func() Snapshot{time.Minute: minute, 5 * time.Minute: whole}[window]()
	snap.Files, snap.Loops = slices.Clone(snap.Files), slices.Clone(snap.Loops)
	for i := range snap.Loops { // tests change them
		snap.Loops[i].Spans = slices.Clone(snap.Loops[i].Spans)
	}
	return snap
}

var (
	minute = sync.OnceValue(func() Snapshot { return build(time.Minute) })
	whole  = sync.OnceValue(func() Snapshot { return build(5 * time.Minute) })
)

func build(window time.Duration) Snapshot {
	s := analyze.NewSliding(window)
	reflectors := []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}
	for _, run := range []*cycle.Run{
		{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 50 * time.Millisecond, Reflectors: reflectors},
		{Daemon: cycle.Autorate, WAN: "wan2", Started: epoch, Budget: 50 * time.Millisecond, Reflectors: reflectors},
		{Daemon: cycle.Steering, WAN: "wan1", Started: epoch, Budget: 2 * time.Second, Reflectors: reflectors[:1]},
	} {
		for i := range int(5 * time.Minute / run.Budget) {
			if err := s.Add(turn(run, i)); err != nil {
				panic(err)
			}
		}
	}
	now := epoch.Add(5*time.Minute + 400*time.Millisecond)
	snap := Snapshot{At: now, Window: window, Files: []File{{Path: "/var/lib/wanctl/profile.db", Rings: 2, Newest: now.Add(-23 * time.Second)}}}
	for _, r := range s.Loops([]cycle.Drop{{At: now.Add(-time.Minute), Daemon: cycle.Autorate, WAN: "wan2", Count: 12}}) {
		snap.Loops = append(snap.Loops, Loop{Recent: r, Live: true})
	}
	return snap
}

// turn is the i-th cycle of a run.
func turn(run *cycle.Run, i int) *cycle.Cycle {
	at := time.Duration(i) * run.Budget
	us := func(base, spread int) time.Duration { return time.Duration(base+i*7919%spread) * time.Microsecond }
	c := &cycle.Cycle{Run: run, Seq: int64(i) + 1, Start: epoch.Add(at), Late: us(40, 60)}
	bad := run.WAN == "wan1" && run.Daemon == cycle.Autorate && at >= 2*time.Minute && at < 3*time.Minute
	rtt, cake := time.Duration(0), us(3100, 1900)
	for j, name := range run.Reflectors {
		echo := us(11800+900*j, 1500)
		sp := cycle.Span{Label: run.Daemon.Label(cycle.Probe), Part: cycle.Probe, Target: name, Duration: echo}
		if j == 2 && i%997 == 996 {
			sp.Outcome, sp.Duration, echo = cycle.TimedOut, 0, 240*time.Millisecond
		}
		c.Spans = append(c.Spans, sp)
		rtt = max(rtt, echo)
	}
	if bad {
		cake += us(9000, 30000)
	}
	add := func(p cycle.Part, offset, d time.Duration) {
		c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Offset: offset, Duration: d})
		c.Total = max(c.Total, offset+d)
	}
	add(cycle.RTT, 0, rtt+us(60, 80))
	add(cycle.CAKE, 0, cake)
	if run.Daemon == cycle.Steering {
		add(cycle.Rule, 0, us(2400, 900))
	}
	add(cycle.Adjust, c.Total, us(15, 40))
	d := &c.Decision
	d.RTT, d.Baseline = cycle.Known(12.5+float64(i%7)/10), cycle.Known(11.9)
	d.Download = cycle.Direction{Zone: cycle.Green, Rate: cycle.Known[int64](480e6)}
	if run.Daemon == cycle.Autorate {
		d.Upload = cycle.Direction{Zone: cycle.Green, Rate: cycle.Known[int64](38e6)}
	} else {
		d.Degraded = cycle.Known(at > 2*time.Minute && at < 4*time.Minute)
	}
	if bad || run.WAN == "wan2" && i > 5990 {
		d.Download.Zone, d.Upload.Zone = cycle.Zone(1+i/300%4), cycle.Yellow
		d.Download.Rate = cycle.Known[int64](151.7e6)
		add(cycle.Update, c.Total, us(5200, 2600))
	}
	if i%1500 == 1499 {
		c.Missed = 2
	}
	if run.WAN == "wan2" && i == 5997 {
		c.Outcome = cycle.Failed
	}
	return c
}

// drawn is the screen without its styles.
func drawn(s *Screen, snap Snapshot, width, height int, keys ...string) string {
	s.Resize(width, height)
	s.Show(snap)
	for _, k := range keys {
		s.Key(k)
	}
	return ansi.Strip(s.Text(snap.At)) + "\n"
}

func TestScreens(t *testing.T) {
	t.Parallel()
	snap := house(5 * time.Minute)
	absent := Snapshot{At: epoch, Window: time.Minute, Files: []File{{Path: "profile.db", Trouble: "the file is not there yet: waiting for it"}}}
	flushed := house(5 * time.Minute)
	flushed.Files[0].Rings, flushed.Files[0].Unseen = 0, "not seen live: crash ring /run/wanctl/1.ring: permission denied"
	for i := range flushed.Loops {
		flushed.Loops[i].Live = false
	}
	flushed.At = flushed.At.Add(43 * time.Second)
	for _, tc := range []struct {
		name          string
		snap          Snapshot
		options       Options
		width, height int
		keys          []string
	}{
		{"80x24.txt", snap, Options{}, 80, 24, nil},
		{"120x40.txt", snap, Options{}, 120, 40, []string{"tab"}},
		{"140x45-steering.txt", snap, Options{}, 140, 45, []string{"up"}},
		{"40x24.txt", snap, Options{}, 40, 24, nil},
		{"80x12-low.txt", snap, Options{}, 80, 12, nil},
		{"80x24-ascii.txt", snap, Options{ASCII: true}, 80, 24, []string{"s", "p"}},
		{"80x24-help.txt", snap, Options{}, 80, 24, []string{"?"}},
		{"80x24-flushed.txt", flushed, Options{}, 80, 24, nil},
		{"80x24-absent.txt", absent, Options{}, 80, 24, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			golden.Equal(t, filepath.Join("testdata", tc.name), drawn(New(5*time.Minute, tc.options), tc.snap, tc.width, tc.height, tc.keys...))
		})
	}
}

func TestStylesStandBesideWords(t *testing.T) {
	t.Parallel()
	s := New(5*time.Minute, Options{})
	s.Show(house(5 * time.Minute))
	text := s.Text(epoch)
	golden.Equal(t, filepath.Join("testdata", "80x24-styled.txt"), strings.ReplaceAll(text, "\x1b", "^"))
	for _, word := range []string{"YELLOW", "RED"} {
		if !strings.Contains(ansi.Strip(text), word) {
			t.Errorf("%s is a colour alone", word)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	snap := house(5 * time.Minute)
	snap.Loops[1].WAN = "second \x1b line"
	snap.Files = append(snap.Files, File{Path: "other.db", Trouble: "the file is not there yet: waiting for it"})
	b := new(bytes.Buffer)
	if err := Plain(b, snap, time.UTC); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "plain.txt"), b.String())
}

// TestEveryScreenFits draws all sizes in all states: as many lines as there are, none
// wider than the screen, and the loops are always there.
func TestEveryScreenFits(t *testing.T) {
	t.Parallel()
	snap := house(time.Minute)
	for len(snap.Loops) < 12 {
		snap.Loops = append(snap.Loops, snap.Loops[0])
	}
	snap.Loops[5].WAN = "ein sehr langer Name 広帯域"
	for _, keys := range [][]string{nil, {"?"}, {"s", "tab", "tab", "tab", "tab", "tab"}, {"p"}} {
		for width := 20; width < 200; width += 7 {
			for height := 4; height < 60; height += 8 {
				text := drawn(New(time.Minute, Options{}), snap, width, height, keys...)
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				if len(lines) != height {
					t.Fatalf("%dx%d: %d lines", width, height, len(lines))
				}
				for _, l := range lines {
					if ansi.StringWidth(l) > width {
						t.Fatalf("%dx%d: too wide: %q", width, height, l)
					}
				}
				if keys == nil && height >= 9 && !strings.Contains(text, "> autorate") {
					t.Fatalf("%dx%d: the chosen loop is not seen:\n%s", width, height, text)
				}
			}
		}
	}
}

// TestNothingMoves compares the columns of a calm and a bad minute: whatever the
// numbers, the next column begins where it did.
func TestNothingMoves(t *testing.T) {
	t.Parallel()
	calm, bad := house(time.Minute), house(time.Minute)
	l := &bad.Loops[0]
	l.Last.Total, l.Overruns, l.Missed, l.Dropped, l.Failed = 123456*time.Millisecond, 9999, 1234567, 10, 100
	l.Last.Decision.Download = cycle.Direction{Zone: cycle.SoftRed, Rate: cycle.Known[int64](9_400e6)}
	l.Last.Decision.Upload = cycle.Direction{}
	l.Utilization = cycle.Known(24.1)
	for i := range l.Spans {
		l.Spans[i].P99 = analyze.Quantile{Value: 8765 * time.Millisecond, Thin: true}
		l.Spans[i].Max = 3 * time.Hour
	}
	bad.At = bad.At.Add(50 * time.Hour)
	for _, width := range []int{80, 140} {
		one := strings.Split(drawn(New(time.Minute, Options{}), calm, width, 24), "\n")
		two := strings.Split(drawn(New(time.Minute, Options{}), bad, width, 24), "\n")
		for i, head := range one {
			if !strings.Contains(head, "P99 MS") {
				continue
			}
			if two[i] != head {
				t.Errorf("%d wide: the heads differ:\n%s\n%s", width, head, two[i])
			}
			at := strings.Index(head, "P99 MS") + len("P99 MS") // where the number ends
			for _, row := range []string{one[i+1], two[i+1]} {
				if cells := []rune(row); cells[at-1] < '0' || cells[at-1] > '9' || !strings.ContainsRune(" ?", cells[at]) {
					t.Errorf("%d wide: the number does not end under its head:\n%s\n%s", width, head, row)
				}
			}
		}
	}
}

// TestFailuresAreSeen looks at a loop that fails and is fine otherwise: its failures are
// in the table and first in the line about it, on narrow screens too.
func TestFailuresAreSeen(t *testing.T) {
	t.Parallel()
	snap := house(time.Minute)
	for i := range snap.Loops {
		snap.Loops[i].Failed, snap.Loops[i].Overruns = 0, 0
	}
	snap.Loops[0].Failed = 737
	for _, width := range []int{40, 60, 80, 120} {
		lines := strings.Split(drawn(New(time.Minute, Options{}), snap, width, 24), "\n")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "FAIL") })
		if at < 0 || !strings.Contains(lines[at+1], " 737") {
			t.Errorf("%d wide: the failures have no column:\n%s", width, strings.Join(lines, "\n"))
		}
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "autorate wan1  failed 737") }) {
			t.Errorf("%d wide: the line about the loop does not begin with its failures:\n%s", width, strings.Join(lines, "\n"))
		}
	}
}

// TestLongNames wants names whole where there is room, and else marked as cut.
func TestLongNames(t *testing.T) {
	t.Parallel()
	snap := house(time.Minute)
	snap.Loops[0].WAN, snap.Loops[1].WAN = "fibre-downstairs-left", "fibre-downstairs-right"
	for _, tc := range []struct {
		width int
		ascii bool
		want  []string
	}{
		{40, false, []string{"> autorate fibre-downstai… GREEN       0", "  autorate fibre-downstai… RED         1"}},
		{40, true, []string{"> autorate fibre-downstai~ GREEN       0"}},
		{60, false, []string{"> autorate fibre-downstairs-l… ", "  autorate fibre-downstairs-r… "}},
		{80, false, []string{"> autorate fibre-downstairs-left  ", "  autorate fibre-downstairs-right "}},
		{160, false, []string{"> autorate fibre-downstairs-left  ", "  autorate fibre-downstairs-right "}},
	} {
		text := drawn(New(time.Minute, Options{ASCII: tc.ascii}), snap, tc.width, 24)
		for _, want := range tc.want {
			if !strings.Contains(text, want) {
				t.Errorf("%d wide: no %q in\n%s", tc.width, want, text)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := New(5*time.Minute, Options{})
	snap := house(5 * time.Minute)
	snap.Loops[1].Span(cycle.Total).P99.Value = time.Second
	s.Show(snap)
	chosen := func() string { loops := s.loops(); return loops[s.at(loops)].String() }
	for _, step := range []struct {
		key    string
		chosen string
		window time.Duration
	}{
		{"tab", "autorate wan2", 5 * time.Minute},
		{"down", "steering wan1", 5 * time.Minute},
		{"tab", "autorate wan1", 5 * time.Minute}, // round
		{"shift+tab", "steering wan1", 5 * time.Minute},
		{"w", "steering wan1", 15 * time.Minute},
		{"w", "steering wan1", time.Hour},
		{"w", "steering wan1", time.Minute}, // round
		{"s", "steering wan1", time.Minute}, // it stays the chosen one, wherever it is
		{"x", "steering wan1", time.Minute},
		{"g", "autorate wan2", time.Minute}, // by p99 it comes first
		{"s", "autorate wan2", time.Minute}, // by overruns
		{"home", "autorate wan1", time.Minute},
		{"s", "autorate wan1", time.Minute}, // by name
	} {
		if s.Key(step.key) {
			t.Fatalf("%s quits", step.key)
		}
		if chosen() != step.chosen || s.Window != step.window {
			t.Errorf("after %s: %s, %v; want %s, %v", step.key, chosen(), s.Window, step.chosen, step.window)
		}
	}
	before := s.Text(snap.At)
	s.Key("p")
	s.Show(Snapshot{At: snap.At.Add(time.Second)})
	if now := s.Text(snap.At.Add(time.Second)); !strings.Contains(now, "PAUSED") || !strings.Contains(now, "autorate wan1") {
		t.Error("a paused screen does not stand still")
	}
	s.Show(snap)
	s.Key("p")
	if s.Text(snap.At) != before {
		t.Error("it does not go on")
	}
	s.Key("?")
	if s.Key("s") || s.help {
		t.Error("a key does not leave the help")
	}
	for _, k := range []string{"q", "ctrl+c"} {
		if !s.Key(k) {
			t.Errorf("%s does not quit", k)
		}
	}
	empty := New(time.Minute, Options{})
	empty.Key("tab") // nothing to choose
	if !strings.Contains(empty.Text(epoch), "reading") {
		t.Error("before the first look it does not say so")
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	l := &house(time.Minute).Loops[0]
	for _, tc := range []struct {
		live bool
		age  time.Duration
		want bool
	}{{true, 4 * time.Second, false}, {true, 6 * time.Second, true}, {false, time.Hour, false}, {false, 2 * time.Hour, true}} {
		l.Live = tc.live
		if got := l.Silent(l.Last.Start.Add(l.Last.Total + tc.age)); got != tc.want {
			t.Errorf("live %v, %v old: silent %v", tc.live, tc.age, got)
		}
	}
}

func TestAges(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 99 * time.Second: "99s", 100 * time.Second: "1m", 99 * time.Minute: "99m", 3 * time.Hour: "3h", 80 * time.Hour: "3d",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// BenchmarkText is one picture.
func BenchmarkText(b *testing.B) {
	s := New(5*time.Minute, Options{})
	s.Show(house(5 * time.Minute))
	s.Resize(140, 45)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Text(epoch)
	}
}
