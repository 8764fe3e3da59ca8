package store

import (
	"context"
	"errors"
	"iter"
	"maps"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/store/storetest"
)

// imported yields the first n cycles of a log that ran one part after the other,
// and then an error, if there is one.
func imported(run *cycle.Run, n int, bad error) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		s := storetest.NewSampler(run.WAN, run.Started, 3)
		for range n {
			c := s.Next()
			c.Run = run
			if !yield(c, nil) {
				return
			}
		}
		if bad != nil {
			yield(nil, bad)
		}
	}
}

func TestImportingTwiceAddsNothing(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	run := func() *cycle.Run { // a new one for every import, as a new process has
		r := newSampler("wan1", at0).Info
		r.Source, r.Sequential = "wan1.log", true
		return r
	}
	for _, step := range []struct {
		what          string
		n             int
		bad           error
		cycles, known int64
	}{
		{"the first time", 10_000, nil, 10_000, 0},
		{"the same again", 10_000, nil, 0, 10_000},
		{"the log has grown", 12_500, nil, 2_500, 10_000},
		{"the log breaks off", 13_000, errors.New("line 7: what is this"), 500, 12_500},
		{"it is whole again", 13_100, nil, 100, 13_000},
	} {
		done, err := Import(context.Background(), cfg, imported(run(), step.n, step.bad), nil)
		if !errors.Is(err, step.bad) || done.Cycles != step.cycles || done.Known != step.known || done.Timings != 9*step.cycles {
			t.Errorf("%s: %+v, %v", step.what, done, err)
		}
	}
	// Cycles that have gone do not come back, and are not counted again.
	f, err := openFile(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.c.exec("DELETE FROM cycle WHERE seq < 9000"); err != nil {
		t.Fatal(err)
	}
	f.close()
	done, err := Import(context.Background(), cfg, imported(run(), 13_100, nil), nil)
	if err != nil || done.Cycles != 0 {
		t.Errorf("after the cycles went: %+v, %v", done, err)
	}
	total := int64(0)
	for _, v := range rollupsOf(t, reading(t, cfg.Path)) {
		if v.Label.Part() == cycle.Total {
			total += v.Count
		}
	}
	if total != 13_100 {
		t.Errorf("the minutes tell of %d cycles, want 13100", total)
	}
	runs, err := reading(t, cfg.Path).Runs(context.Background(), everything)
	if err != nil || len(runs) != 1 || !runs[0].Sequential || runs[0].Source != "wan1.log" {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestAnImportEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	run := newSampler("wan1", at0).Info
	run.Source = "a"
	calls := 0
	done, err := Import(ctx, testConfig(t), imported(run, 50_000, nil), func(int64) {
		if calls++; calls == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || done.Cycles < importBatch || done.Cycles > 3*importBatch {
		t.Errorf("%+v, %v", done, err)
	}
}

func BenchmarkImport(b *testing.B) {
	for b.Loop() {
		run := newSampler("wan1", at0).Info
		run.Source = "a"
		began := time.Now()
		done, err := Import(context.Background(), testConfig(b), imported(run, 112_000, nil), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(done.Timings)/time.Since(began).Seconds(), "timings/s")
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, harm string
	}{
		{"a cycle is missing", "DELETE FROM cycle WHERE seq = 2000"},
		{"a cycle took longer than its minute knows", "UPDATE cycle SET total_us = total_us + 1 WHERE seq = 2000"},
		{"a minute is missing", "DELETE FROM minute WHERE id = (SELECT id FROM minute ORDER BY id LIMIT 1 OFFSET 25)"},
		{"a minute's numbers are not its durations'", "UPDATE minute SET max_us = max_us + 1 WHERE id = (SELECT max(id) FROM minute)"},
		{"a minute's durations are none", "UPDATE minute SET dist = x'ff' WHERE id = (SELECT max(id) FROM minute)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t)
			record(t, cfg, func(w *Writer) {
				for s, n := newSampler("wan1", at0), 0; n < 6000; n++ {
					w.Record(s.Next())
				}
			})
			r := reading(t, cfg.Path)
			if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) != 0 {
				t.Fatalf("a file that is whole: %v, %v", wrong, err)
			}
			c, err := dial(cfg.Path, forUpdate, "")
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := c.exec(tc.harm); err != nil {
				t.Fatal(err)
			}
			if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) == 0 {
				t.Errorf("found %v, %v", wrong, err)
			}
		})
	}
}

// TestAReflectorThatWasNotAskedHasLostNoEcho: a log that tells of one reflector a
// cycle, as cake-autorate's does, and of all of them at times.
func TestAReflectorThatWasNotAskedHasLostNoEcho(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	run := newSampler("wan1", at0).Info
	run.Source, run.Sequential = "a", true
	run.Reflectors = []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"}
	const n = 3000
	want := map[string][2]int64{} // echoes and lost ones
	whole := 0
	cycles := func(yield func(*cycle.Cycle, error) bool) {
		for i := range n {
			c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: at0.Add(time.Duration(i) * 200 * time.Millisecond), Total: 20 * time.Millisecond}
			asked := run.Reflectors[i%6 : i%6+1]
			if i%500 == 499 {
				asked = run.Reflectors
				whole++
			}
			for j, target := range asked {
				s := cycle.Span{
					Label: run.Daemon.Label(cycle.Probe), Part: cycle.Probe, Target: target,
					Offset: time.Millisecond, Duration: time.Duration(i+10) * time.Microsecond,
				}
				w := want[target]
				if w[0]++; (i+j)%100 == 42 {
					s.Outcome = cycle.TimedOut
					w[1]++
				}
				want[target] = w
				c.Spans = append(c.Spans, s)
			}
			if !yield(c, nil) {
				return
			}
		}
	}
	if _, err := Import(t.Context(), cfg, cycles, nil); err != nil {
		t.Fatal(err)
	}
	r := reading(t, cfg.Path)
	if wrong, err := r.Check(t.Context(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	rows, minutes, seen := map[string][2]int64{}, map[string][2]int64{}, map[string][2]int64{}
	for _, c := range cyclesOf(t, r) {
		for _, s := range c.Spans {
			v := rows[s.Target]
			if v[0]++; s.Outcome != cycle.OK {
				v[1]++
			}
			rows[s.Target] = v
		}
	}
	for _, v := range rollupsOf(t, r) {
		if v.Label.Part() == cycle.Probe {
			m := minutes[v.Target]
			minutes[v.Target] = [2]int64{m[0] + v.Count + v.Failed, m[1] + v.Failed}
		}
	}
	err := r.query(t.Context(), `SELECT target, count(*) FROM spans WHERE label = 'autorate_probe' GROUP BY target`, func(s *stmt) bool {
		seen[s.colText(0)] = [2]int64{s.colInt(1) + want[s.colText(0)][1], want[s.colText(0)][1]} // the view has no lost ones
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]map[string][2]int64{"cycles": rows, "minutes": minutes, "the view": seen} {
		if !maps.Equal(got, want) {
			t.Errorf("%s tell of %v, want %v", what, got, want)
		}
	}
	if err := r.query(t.Context(), "SELECT count(probes) FROM cycle", func(s *stmt) bool {
		if s.colInt(0) != int64(whole) {
			t.Errorf("%d cycles have the column, want %d", s.colInt(0), whole)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
}
