package analyze

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"wanctl/cycle"
)

// minutesOf makes the durations of minutes of a 20 Hz loop.
func minutesOf(n int) (ds []cycle.Durations) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range n {
		us := make([]int64, 1200)
		for i := range us {
			us[i] = int64(12000 * math.Exp(0.2*rnd.NormFloat64()))
		}
		slices.Sort(us)
		ds = append(ds, cycle.AppendDurations(nil, us))
	}
	return ds
}

// BenchmarkAddDurations counts a minute of a 20 Hz label.
func BenchmarkAddDurations(b *testing.B) {
	ds := minutesOf(60)
	d := new(Distribution)
	for i := 0; b.Loop(); i++ {
		d.exact = 0 // so that no number of rounds is too many
		if _, err := d.AddDurations(ds[i%len(ds)]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1200, "ns/value")
}

// week is a Source of seven days of minutes: no disk, so that it shows what the
// analysis itself costs.
type week struct {
	memory
	ds []cycle.Durations
}

func (s *week) Runs(context.Context, cycle.Window) ([]*cycle.Run, error) { return nil, nil }

func (s *week) Covered(_ context.Context, w cycle.Window) ([]cycle.Window, error) {
	return []cycle.Window{w}, nil
}

func (s *week) Rollups(_ context.Context, w cycle.Window) iter.Seq2[*cycle.Rollup, error] {
	labels := []cycle.Series{}
	for p := cycle.RTT; p <= cycle.Total; p++ {
		labels = append(labels, cycle.Series{Daemon: cycle.Autorate, WAN: "wan1", Label: cycle.Autorate.Label(p)})
	}
	for _, host := range []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"} {
		labels = append(labels, cycle.Series{Daemon: cycle.Autorate, WAN: "wan1", Label: "autorate_probe", Target: host})
	}
	return func(yield func(*cycle.Rollup, error) bool) {
		for at := w.Since; at.Before(w.Until); at = at.Add(time.Minute) {
			for i, l := range labels {
				d := s.ds[(int(at.Unix()/60)+i)%len(s.ds)]
				r := cycle.Rollup{Series: l, Start: at, Width: time.Minute, Count: 1200, Min: 1, Max: 100000, Sum: 1200 * 12000, Dist: d}
				if !yield(&r, nil) {
					return
				}
			}
		}
	}
}

// BenchmarkWeek answers exactly for seven days at 20 Hz, nine labels, 109 million
// timings, out of memory.
func BenchmarkWeek(b *testing.B) {
	s := &week{ds: minutesOf(60)}
	b.ReportAllocs()
	for b.Loop() {
		a, err := Analyze(b.Context(), cycle.Window{Since: epoch, Until: epoch.Add(7 * 24 * time.Hour)}, Options{}, s)
		if err != nil || len(a.Loops[0].Spans) != 9 {
			b.Fatal(err, a)
		}
	}
}

// BenchmarkRows reads an hour of two loops as rows, out of memory.
func BenchmarkRows(b *testing.B) {
	m := house(1, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyze(b.Context(), stretch(0, time.Hour), Options{Rows: true}, m); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(m.cycles)), "ns/cycle")
}

// BenchmarkAddSketch merges an hour of a 20 Hz label; five years of ten series are
// 438,000 of them.
func BenchmarkAddSketch(b *testing.B) {
	s, err := ddsketch.NewDefaultDDSketch(MaxRelativeError)
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 72000 {
		_ = s.Add(math.Round(12000 * math.Exp(0.2*rnd.NormFloat64())))
	}
	var encoded []byte
	s.Encode(&encoded, false)
	d := new(Distribution)
	b.ReportAllocs()
	for b.Loop() {
		if err := d.AddSketch(encoded); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(encoded)), "bytes")
}
