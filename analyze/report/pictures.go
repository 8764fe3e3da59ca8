package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"wanctl/analyze"
)

// histogramBins is how many lines a histogram has at most.
const histogramBins = 24

// Histogram draws how the durations of one series are distributed, on a
// logarithmic scale, with the quantiles marked.
func Histogram(w io.Writer, l *analyze.Loop, s *analyze.Span, o Options) error {
	b := new(bytes.Buffer)
	fmt.Fprintf(b, "%s %s: %d values, %s to %s\n", Printable(l.String()), Printable(s.Name()), s.Count, duration(s.Min), duration(s.Max))
	if s.Count == 0 {
		_, err := w.Write(b.Bytes())
		return err
	}
	t := &table{columns: []column{{head: "from"}, {head: "to"}, {head: "values"}, {head: "share", rank: 1}, {head: "", left: true}, {head: "", left: true}}}
	edges := logEdges(s.Min, s.Max)
	counts := make([]int64, len(edges)-1)
	for d, n := range s.Dist.All() {
		counts[binOf(edges, d)] += n
	}
	most := int64(1)
	for _, n := range counts {
		most = max(most, n)
	}
	for i, n := range counts {
		var marks []string
		for _, q := range []struct {
			name string
			at   analyze.Quantile
		}{{"p50", s.P50}, {"p95", s.P95}, {"p99", s.P99}} {
			if binOf(edges, q.at.Value) == i {
				marks = append(marks, q.name+" "+quantileMark(q.at))
			}
		}
		t.add(duration(edges[i]), duration(edges[i+1]), count(n), percent(float64(n)/float64(s.Count)),
			draw(0, time.Duration(n), time.Duration(most)*boolTo(n > 0)), strings.Join(marks, ", "))
	}
	_ = t.write(b, o.Width)
	_, err := w.Write(b.Bytes())
	return err
}

// boolTo is 1 for true: a scale of 0 draws nothing.
func boolTo(b bool) time.Duration {
	if b {
		return 1
	}
	return 0
}

// logEdges divides the stretch from low to high into bins of equal ratio.
func logEdges(low, high time.Duration) []time.Duration {
	from, to := max(low, time.Microsecond), max(high, 2*time.Microsecond)
	ratio := math.Pow(float64(to)/float64(from), 1./histogramBins)
	edges := []time.Duration{min(low, from)}
	for i := 1; i < histogramBins; i++ {
		edge := time.Duration(float64(from) * math.Pow(ratio, float64(i))).Round(time.Microsecond)
		if edge > edges[len(edges)-1] && edge < to {
			edges = append(edges, edge)
		}
	}
	return append(edges, to)
}

// binOf returns the bin that a duration lies in; the last takes its upper edge too.
func binOf(edges []time.Duration, d time.Duration) int {
	i := 0
	for i < len(edges)-2 && d >= edges[i+1] {
		i++
	}
	return i
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// Trends draws a sparkline of each series: its median, and its p99, from step to
// step. A dot is a step in which nothing was recorded.
func Trends(w io.Writer, trends []analyze.Trend, step time.Duration, o Options) error {
	b := new(bytes.Buffer)
	var marks legend
	for i := 0; i < len(trends); {
		first := &trends[i]
		fmt.Fprintf(b, "\n%s %s, one step %s\n", first.Daemon, Printable(first.WAN), duration(step))
		t := &table{columns: []column{
			{head: "part", left: true},
			{head: "label", left: true, rank: 2},
			{head: "target", left: true, rank: 1},
			{head: "", left: true},
			{head: "trend", left: true},
			{head: "least "},
			{head: "most "},
			{head: "latest "},
		}}
		for ; i < len(trends) && trends[i].Daemon == first.Daemon && trends[i].WAN == first.WAN; i++ {
			part, label, target := trends[i].Part.String(), Printable(string(trends[i].Label)), Printable(trends[i].Target)
			for _, q := range []struct {
				name string
				of   func(*analyze.Step) analyze.Quantile
			}{
				{"p50", func(s *analyze.Step) analyze.Quantile { return quantileOf(s, s.P50, 500) }},
				{"p99", func(s *analyze.Step) analyze.Quantile { return quantileOf(s, s.P99, 990) }},
			} {
				line, least, most, latest := sparkline(trends[i].Steps, q.of)
				t.add(part, label, target, q.name, line, quantile(least), quantile(most), quantile(latest))
				marks.thin = marks.thin || least.Thin || most.Thin || latest.Thin
				part, target = "", ""
			}
		}
		_ = t.write(b, o.Width)
	}
	marks.write(b)
	_, err := w.Write(b.Bytes())
	return err
}

// quantileOf is a step's quantile in permille.
func quantileOf(s *analyze.Step, d time.Duration, permille int64) analyze.Quantile {
	return analyze.Quantile{Value: d, Thin: analyze.Thin(s.Count, permille)}
}

// sparkline draws steps from the least to the most of them.
func sparkline(steps []analyze.Step, of func(*analyze.Step) analyze.Quantile) (line string, least, most, latest analyze.Quantile) {
	least.Value = math.MaxInt64
	for i := range steps {
		if steps[i].Count == 0 {
			continue
		}
		latest = of(&steps[i])
		if latest.Value < least.Value {
			least = latest
		}
		if latest.Value >= most.Value {
			most = latest
		}
	}
	if least.Value > most.Value {
		least = most
	}
	// What hardly changes is drawn so: less than a tenth is not blown up.
	scale := max(most.Value-least.Value, most.Value/10, 1)
	for i := range steps {
		switch {
		case steps[i].Count == 0:
			line += "·"
		default:
			line += string(sparks[int(float64(of(&steps[i]).Value-least.Value)/float64(scale)*float64(len(sparks)-1)+0.5)])
		}
	}
	return line, least, most, latest
}

// WhatIf writes what loops would do at other intervals.
func WhatIf(w io.Writer, fs []analyze.Forecast, o Options) error {
	b := new(bytes.Buffer)
	b.WriteString("\nif cycles took as long as those recorded:\n")
	t := &table{columns: []column{
		{head: "loop", left: true}, {head: "interval"}, {head: "overruns"}, {head: "missed slots"}, {head: "utilization"}, {head: "recorded per day"}, {head: "cycles", rank: 1},
	}}
	for i := range fs {
		f := &fs[i]
		t.add(Printable(string(f.Daemon)+" "+f.WAN), Stretch(f.Interval), percent(f.Overruns), percent(f.Missed), percent(f.Utilization),
			fmt.Sprintf("%.1f MB", float64(f.BytesPerDay)/1e6), count(f.Cycles))
	}
	_ = t.write(b, o.Width)
	_, err := w.Write(b.Bytes())
	return err
}
