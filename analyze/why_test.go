package analyze

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wanctl/cycle"
)

// steered makes n cycles of steering in which everything wobbles, and lets spoil
// make some of them slow.
func steered(rnd *rand.Rand, n int, spoil func(i int, d *durations)) *memory {
	run := &cycle.Run{
		Daemon: cycle.Steering, WAN: "wan1", Started: epoch, Budget: 500 * time.Millisecond,
		Reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"},
	}
	m := new(memory)
	for i := range n {
		d := durationsOf(rnd)
		spoil(i, d)
		m.cycles = append(m.cycles, d.cycle(run, i))
	}
	return m
}

// durations are those of one cycle before they are put together.
type durations struct {
	echo                                           [3]time.Duration // negative: lost
	afterEchoes, cake, rule, adjust, update, pause time.Duration
	login, loginAt                                 time.Duration
	loginName                                      string
}

const echoTimeout = time.Second

func durationsOf(rnd *rand.Rand) *durations {
	ms := func(mean float64) time.Duration {
		return time.Duration(mean * (0.7 + 0.6*rnd.Float64()) * float64(time.Millisecond))
	}
	d := &durations{afterEchoes: ms(0.2), cake: ms(20), rule: ms(6), adjust: ms(0.4), pause: ms(0.1)}
	for i := range d.echo {
		d.echo[i] = ms(15)
	}
	if rnd.IntN(5) == 0 {
		d.update = ms(12)
	}
	return d
}

// cycle puts the durations together as a loop does.
func (d *durations) cycle(run *cycle.Run, i int) *cycle.Cycle {
	c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: epoch.Add(time.Duration(i) * run.Budget)}
	add := func(p cycle.Part, target string, at, took time.Duration, o cycle.Outcome) {
		c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Offset: at, Duration: took, Outcome: o})
	}
	var rtt time.Duration
	for j, echo := range d.echo {
		if echo < 0 {
			add(cycle.Probe, run.Reflectors[j], 0, 0, cycle.TimedOut)
			rtt = max(rtt, echoTimeout)
			continue
		}
		add(cycle.Probe, run.Reflectors[j], 0, echo, cycle.OK)
		rtt = max(rtt, echo)
	}
	rtt += d.afterEchoes
	add(cycle.RTT, "", 0, rtt, cycle.OK)
	add(cycle.CAKE, "", 0, d.cake, cycle.OK)
	add(cycle.Rule, "", 0, d.rule, cycle.OK)
	if d.login > 0 {
		add(cycle.Other, d.loginName, d.loginAt, d.login, cycle.OK)
	}
	end := max(rtt, d.cake, d.rule)
	add(cycle.Adjust, "", end, d.adjust, cycle.OK)
	end += d.adjust
	if d.update > 0 {
		add(cycle.Update, "", end, d.update, cycle.OK)
		end += d.update
	}
	c.Total = end + d.pause
	return c
}

// injected are causes, each with how it comes about; slow is what it adds.
var injected = []struct {
	want  Cause
	spoil func(d *durations, slow time.Duration)
}{
	{Cause{Slow, "8.8.8.8"}, func(d *durations, slow time.Duration) { d.echo[1] += slow }},
	{Cause{Lost, "9.9.9.9"}, func(d *durations, _ time.Duration) { d.echo[2] = -1 }},
	{Cause{Kind: Silence}, func(d *durations, _ time.Duration) { d.echo = [3]time.Duration{-1, -1, -1} }},
	{Cause{Kind: Echoes}, func(d *durations, slow time.Duration) { d.afterEchoes += slow }},
	{Cause{Inside, "login rest"}, func(d *durations, slow time.Duration) {
		d.login, d.loginName, d.loginAt = slow, "login rest", time.Millisecond
		d.cake += slow
		d.rule += slow - 2*time.Millisecond // it waits for the same login
	}},
	{Cause{Kind: Queues}, func(d *durations, slow time.Duration) { d.cake += slow }},
	{Cause{Kind: RuleRead}, func(d *durations, slow time.Duration) { d.rule += slow }},
	{Cause{Kind: LimitsSet}, func(d *durations, slow time.Duration) { d.update += slow }},
	{Cause{Kind: Decision}, func(d *durations, slow time.Duration) { d.adjust += slow }},
	{Cause{Kind: Process}, func(d *durations, slow time.Duration) { d.pause += slow }},
	{Cause{Inside, "gc pause"}, func(d *durations, slow time.Duration) {
		d.pause += slow
		d.login, d.loginName, d.loginAt = slow, "gc pause", 21*time.Millisecond
	}},
}

func TestCausesAreFoundAsInjected(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(31, 31))
	truth := map[int]Cause{}
	m := steered(rnd, 4400, func(i int, d *durations) {
		if i%20 != 0 {
			return
		}
		cause := injected[i/20%len(injected)]
		// From a little more than usual to a hundred times as long.
		cause.spoil(d, time.Duration(40+rnd.ExpFloat64()*400)*time.Millisecond)
		truth[i] = cause.want
	})
	w := stretch(0, time.Hour)
	y, err := Why(t.Context(), w, Question{Slowest: len(truth)}, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[Cause]int{}
	right := 0
	for _, e := range y.Cycles {
		want, ok := truth[int(e.Cycle.Seq-1)]
		if ok && e.Cause == want {
			right++
		} else {
			wrong[want]++
			t.Logf("cycle %d, %v: says %q, was %q", e.Cycle.Seq, e.Cycle.Total, e.Cause, want)
		}
	}
	t.Logf("%d of %d right; wrong by cause: %v", right, len(truth), wrong)
	if right*100 < 95*len(truth) {
		t.Errorf("%d of %d causes found", right, len(truth))
	}
}

func TestTheTallyCountsOverruns(t *testing.T) {
	t.Parallel()
	m := steered(rand.New(rand.NewPCG(32, 32)), 1000, func(i int, d *durations) {
		switch {
		case i%100 == 7:
			d.echo[2] = -1
		case i == 500:
			d.adjust += time.Second
		}
	})
	y, err := Why(t.Context(), stretch(0, time.Hour), Question{Slowest: 3}, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	want := []Tally{{Cause{Lost, "9.9.9.9"}, 10}, {Cause{Kind: Decision}, 1}}
	if y.Overruns != 11 || y.Of != 11 || !slices.Equal(y.Tally, want) {
		t.Errorf("%d overruns: %v", y.Overruns, y.Tally)
	}
	if len(y.Cycles) != 3 || y.Cycles[0].Cycle.Total < y.Cycles[1].Cycle.Total || y.Cycles[1].Cycle.Total < y.Cycles[2].Cycle.Total {
		t.Errorf("the slowest are not in order: %v", y.Cycles)
	}
}

func TestWithoutOverrunsTheTallyIsOfTheSlowest(t *testing.T) {
	t.Parallel()
	m := steered(rand.New(rand.NewPCG(33, 33)), 300, func(i int, d *durations) {
		if i == 100 {
			d.cake += 200 * time.Millisecond
		}
	})
	y, err := Why(t.Context(), stretch(0, time.Hour), Question{Slowest: 1}, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Tally{{Cause{Kind: Queues}, 1}}; y.Overruns != 0 || y.Of != 1 || !slices.Equal(y.Tally, want) {
		t.Errorf("%d overruns: %v", y.Overruns, y.Tally)
	}
	parts := ""
	for _, p := range y.Cycles[0].Parts {
		if p.Beyond {
			parts += p.Part.String() + " "
		}
	}
	if parts != "cake total " {
		t.Errorf("unusual: %s", parts)
	}
}

func TestTheCycleUnderWayIsFound(t *testing.T) {
	t.Parallel()
	m := house(34, time.Minute)
	for _, c := range []struct {
		at   time.Duration
		seqs string
	}{
		{30*time.Second + 200*time.Millisecond, "[61 16]"},
		{-time.Second, "[]"},
		{time.Hour, "[]"},
	} {
		y, err := Why(t.Context(), stretch(-2*time.Hour, 2*time.Hour), Question{At: epoch.Add(c.at)}, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(y.Cycles, func(a, b Explained) int { return int(b.Cycle.Seq - a.Cycle.Seq) })
		seqs := []int64{}
		for _, e := range y.Cycles {
			seqs = append(seqs, e.Cycle.Seq)
		}
		if got := fmt.Sprint(seqs); got != c.seqs {
			t.Errorf("at %v: cycles %s, want %s", c.at, got, c.seqs)
		}
	}
}

// TestARareWriteIsNotUsual: a write that every tenth cycle makes, and that alone
// carries it over its interval, is what each overrun waited for, however usual its
// length is for a write.
func TestARareWriteIsNotUsual(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(35, 35))
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 45 * time.Millisecond, Reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}}
	us := func(from, to int) time.Duration { return time.Duration(from+rnd.IntN(to-from)) * time.Microsecond }
	m := new(memory)
	for i := range 400 {
		d := &durations{afterEchoes: us(20, 100), cake: us(4300, 10_900), adjust: us(7, 50), pause: us(60, 110)}
		if i%10 == 3 {
			d.update, d.adjust = us(41_300, 41_600), us(480, 620) // the state is saved then too
		}
		m.cycles = append(m.cycles, d.cycle(run, i))
	}
	y, err := Why(t.Context(), stretch(0, time.Hour), Question{Slowest: 40}, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Tally{{Cause{Kind: LimitsSet}, 40}}; y.Overruns != 40 || !slices.Equal(y.Tally, want) {
		t.Errorf("%d overruns: %v", y.Overruns, y.Tally)
	}
	for _, p := range y.Cycles[0].Parts {
		if p.Part == cycle.Other && (p.P50 < 60*time.Microsecond || p.P50 > 110*time.Microsecond) {
			t.Errorf("the usual rest is %v", p.P50)
		}
	}
	a, line, err := Over(t.Context(), stretch(0, time.Hour), 10, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	slowest, err := Slowest(t.Context(), a, line, 40, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slowest[0] {
		if e.Cause.Kind != LimitsSet {
			t.Errorf("cycle %d waited for %v", e.Cycle.Seq, e.Cause)
		}
	}
}

func TestTheMedianOfAllCycles(t *testing.T) {
	t.Parallel()
	part := new(tally)
	for us := range int64(60) {
		if err := part.value(us+1, false); err != nil {
			t.Fatal(err)
		}
	}
	s := Span{Summary: summarize(part)}
	for cycles, want := range map[int64]time.Duration{
		60:  30 * time.Microsecond, // in every cycle
		100: 10 * time.Microsecond, // 40 zeros and 10 more
		120: 0,                     // in half of them
		600: 0,
	} {
		if got := medianOfAll(&s, cycles); got != want {
			t.Errorf("of %d cycles: %v, want %v", cycles, got, want)
		}
	}
}

func TestNothingRanThen(t *testing.T) {
	t.Parallel()
	m := steered(rand.New(rand.NewPCG(36, 36)), 1200, func(int, *durations) {}) // ten minutes
	at := func(i int) time.Time { return m.cycles[i].Start }
	before, after := at(399), at(600)
	m.cycles = slices.Delete(m.cycles, 400, 600)
	last := at(len(m.cycles) - 1)
	for name, c := range map[string]struct {
		ask           time.Duration
		rowsFrom      time.Time
		minutes       time.Duration
		idle          bool
		before, after time.Time
	}{
		"between two cycles":         {ask: 4 * time.Minute, idle: true, before: before, after: after},
		"before the first":           {ask: -time.Minute, idle: true, after: epoch},
		"after the last":             {ask: 12 * time.Minute, idle: true, before: last},
		"where minutes alone are":    {ask: 2 * time.Minute, rowsFrom: after, minutes: 10 * time.Minute, after: after},
		"around rows that are there": {ask: 4 * time.Minute, rowsFrom: at(100), minutes: 10 * time.Minute, idle: true, before: before, after: after},
		"in the midst of a cycle":    {ask: time.Minute, before: at(120), after: at(121)},
	} {
		m := &memory{cycles: m.cycles, rowsFrom: c.rowsFrom, minutes: epoch.Add(c.minutes)}
		y, err := Why(t.Context(), stretch(-30*time.Minute, 30*time.Minute), Question{At: epoch.Add(c.ask)}, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		if y.Idle() != c.idle || !y.Before.Equal(c.before) || !y.After.Equal(c.after) {
			t.Errorf("%s: idle %v, before %v, after %v", name, y.Idle(), y.Before, y.After)
		}
	}
}
