package analyze_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wanctl/analyze"
	"wanctl/cycle"
	"wanctl/store"
)

var _ analyze.Source = (*store.Reader)(nil)

const century = 100 * 365 * 24 * time.Hour

// record writes cycles into a file of their own.
func record(t testing.TB, cycles []*cycle.Cycle) *store.Reader {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Path, cfg.Runtime = filepath.Join(t.TempDir(), "profile.db"), t.TempDir()
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours, cfg.MaxSize = century, century, century, 1<<40
	var all iter.Seq2[*cycle.Cycle, error] = func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range cycles {
			if !yield(c, nil) {
				return
			}
		}
	}
	if _, err := store.Import(t.Context(), cfg, all, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	return open(t, cfg.Path)
}

func open(t testing.TB, path string) *store.Reader {
	t.Helper()
	r, err := store.OpenReader(context.WithoutCancel(t.Context()), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestTheFilesRowsAndMinutesGiveTheIdenticalAnswer(t *testing.T) {
	t.Parallel()
	r := record(t, analyze.House(11, 40*time.Minute))
	opts := cmp.Options{cmpopts.IgnoreFields(analyze.Summary{}, "Dist")}
	for _, w := range []cycle.Window{
		{Since: analyze.Epoch, Until: analyze.Epoch.Add(40 * time.Minute)},
		{Since: analyze.Epoch.Add(77 * time.Second), Until: analyze.Epoch.Add(31*time.Minute + 3*time.Second)},
		{Since: analyze.Epoch.Add(-time.Hour), Until: analyze.Epoch.Add(24 * time.Hour)},
	} {
		rows, err := analyze.Analyze(t.Context(), w, analyze.Options{Rows: true}, r)
		if err != nil {
			t.Fatal(err)
		}
		minutes, err := analyze.Analyze(t.Context(), w, analyze.Options{Exact: true}, r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, minutes, opts); diff != "" || rows.Cycles() == 0 {
			t.Errorf("%v, %d cycles (-rows +minutes):\n%s", w, rows.Cycles(), diff)
		}
	}
}

// BenchmarkFile answers for the whole of the recording that WANCTL_BENCH_DB names,
// such as seven days at 20 Hz, and for its last hour.
func BenchmarkFile(b *testing.B) {
	path := os.Getenv("WANCTL_BENCH_DB")
	if path == "" {
		b.Skip("WANCTL_BENCH_DB names no recording")
	}
	r := open(b, path)
	newest, err := r.Newest(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for name, length := range map[string]time.Duration{"hour": time.Hour, "all": century} {
		b.Run(name, func(b *testing.B) {
			w := cycle.Window{Since: newest.Add(-length), Until: newest.Add(time.Second)}
			b.ReportAllocs()
			for b.Loop() {
				a, err := analyze.Analyze(b.Context(), w, analyze.Options{}, r)
				if err != nil || a.Cycles() == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}
