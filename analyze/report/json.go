package report

import (
	"encoding/json"
	"io"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Format names the layout of JSON and its version.
const Format = "wanctl-analysis/1"

// The layout of the contract. Keys are added under the same version, never
// changed; what is unknown is null.
type (
	document struct {
		Format    string   `json:"format"`
		Window    window   `json:"window"`
		Databases []string `json:"databases"`
		Method    method   `json:"method"`
		Loops     []loops  `json:"loops"`
		Warnings  []string `json:"warnings"`
	}
	window struct {
		Since time.Time `json:"since"`
		Until time.Time `json:"until"`
	}
	method struct {
		Quantile         string  `json:"quantile"`
		Exact            bool    `json:"exact"`
		MaxRelativeError float64 `json:"max_relative_error"`
	}
	loops struct {
		Daemon             cycle.Daemon         `json:"daemon"`
		WAN                string               `json:"wan"`
		BudgetMS           cycle.Maybe[float64] `json:"budget_ms"`
		Cycles             int64                `json:"cycles"`
		Failed             int64                `json:"failed"`
		Missed             int64                `json:"missed"`
		Dropped            int64                `json:"dropped"`
		Overruns           int64                `json:"overruns"`
		Utilization        cycle.Maybe[float64] `json:"utilization"`
		HeadroomMS         cycle.Maybe[float64] `json:"headroom_ms"`
		Lateness           lateness             `json:"lateness"`
		Spans              []span               `json:"spans"`
		OtherCriticalShare float64              `json:"other_critical_share"`
		Bottleneck         *bottleneck          `json:"bottleneck"`
	}
	lateness struct {
		Count int64 `json:"count"`
		figures
		Warnings []string `json:"warnings"`
	}
	span struct {
		Label  cycle.Label `json:"label"`
		Part   string      `json:"part"`
		Target string      `json:"target,omitempty"`
		Count  int64       `json:"count"`
		Failed int64       `json:"failed"`
		figures
		Share         float64  `json:"share"`
		CriticalShare float64  `json:"critical_share"`
		Warnings      []string `json:"warnings"`
	}
	figures struct {
		Min cycle.Maybe[float64] `json:"min_ms"`
		Max cycle.Maybe[float64] `json:"max_ms"`
		Avg cycle.Maybe[float64] `json:"avg_ms"`
		P50 cycle.Maybe[float64] `json:"p50_ms"`
		P95 cycle.Maybe[float64] `json:"p95_ms"`
		P99 cycle.Maybe[float64] `json:"p99_ms"`
		// 95 % confidence intervals; null where no value bounds the quantile.
		CI50 interval `json:"p50_ci_ms"`
		CI95 interval `json:"p95_ci_ms"`
		CI99 interval `json:"p99_ci_ms"`
	}
	interval   [2]cycle.Maybe[float64]
	bottleneck struct {
		Label         cycle.Label      `json:"label"`
		CriticalShare float64          `json:"critical_share"`
		Priority      analyze.Priority `json:"priority"`
	}
)

// JSON writes the report in the layout of the contract.
func JSON(w io.Writer, a *analyze.Analysis, o Options) error {
	d := document{
		Format:    Format,
		Window:    window{a.Window.Since.UTC(), a.Window.Until.UTC()},
		Databases: list(o.Databases),
		Method:    method{Quantile: "nearest-rank", Exact: a.Exact && !a.Short},
		Loops:     make([]loops, len(a.Loops)),
		Warnings:  list(a.Warnings),
	}
	if !a.Exact {
		d.Method.MaxRelativeError = analyze.MaxRelativeError
	}
	for i := range a.Loops {
		d.Loops[i] = loopJSON(&a.Loops[i])
	}
	return encode(w, d)
}

// encode writes indented JSON, with text as it is.
func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// list is never null in JSON.
func list(s []string) []string { return append([]string{}, s...) }

func loopJSON(l *analyze.Loop) loops {
	v := loops{
		Daemon: l.Daemon, WAN: l.WAN, Cycles: l.Cycles, Failed: l.Failed, Missed: l.Missed, Dropped: l.Dropped, Overruns: l.Overruns,
		BudgetMS: millis(l.Budget, l.Budget > 0), Utilization: l.Utilization, HeadroomMS: millis(l.Headroom.Value, l.Headroom.Known),
		Lateness:           lateness{l.Lateness.Count, figuresJSON(&l.Lateness), list(l.Lateness.Warnings)},
		Spans:              make([]span, len(l.Spans)),
		OtherCriticalShare: l.OtherCriticalShare,
	}
	for i := range l.Spans {
		s := &l.Spans[i]
		v.Spans[i] = span{
			s.Label, s.Part.String(), s.Target, s.Count, s.Failed, figuresJSON(&s.Summary), s.Share, s.CriticalShare, list(s.Warnings),
		}
	}
	if b := l.Bottleneck; b.Known {
		v.Bottleneck = &bottleneck{b.Value.Label, b.Value.CriticalShare, b.Value.Priority}
	}
	return v
}

func figuresJSON(s *analyze.Summary) figures {
	known := s.Count > 0
	return figures{
		Min: millis(s.Min, known), Max: millis(s.Max, known), Avg: cycle.Maybe[float64]{Value: s.Avg(), Known: known},
		P50: millis(s.P50.Value, known), P95: millis(s.P95.Value, known), P99: millis(s.P99.Value, known),
		CI50: intervalJSON(s.P50), CI95: intervalJSON(s.P95), CI99: intervalJSON(s.P99),
	}
}

func intervalJSON(q analyze.Quantile) interval {
	return interval{millis(q.Low.Value, q.Low.Known), millis(q.High.Value, q.High.Known)}
}

// millis is a duration in milliseconds; whole microseconds give the number with
// three decimals that is meant.
func millis(d time.Duration, known bool) cycle.Maybe[float64] {
	if !known {
		return cycle.Maybe[float64]{}
	}
	return cycle.Known(float64(d) / float64(time.Millisecond))
}
