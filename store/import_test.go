package store

import (
	"context"
	"errors"
	"iter"
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
