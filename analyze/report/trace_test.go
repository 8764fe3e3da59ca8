package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"testing"

	"wanctl/analyze/report"
	"wanctl/cycle"
)

func cyclesOf(r *recording) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range r.cycles {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	b := made(t, "decided.trace.json", func(w io.Writer) error { return report.Trace(w, cyclesOf(decided())) })
	checkTrace(t, b)
}

// checkTrace makes sure of what an importer relies on: complete events of one
// track nest, and every process and track that is named has events.
func checkTrace(t *testing.T, b []byte) (events int) {
	t.Helper()
	var trace struct {
		TraceEvents []struct {
			Ph   string
			Name string
			TS   int64
			Dur  *int64
			PID  int
			TID  int
			Args map[string]any
		}
	}
	if err := json.Unmarshal(b, &trace); err != nil {
		t.Fatal(err)
	}
	type span struct{ from, to int64 }
	type track struct{ pid, tid int }
	open := map[track][]span{}
	named := map[int]bool{}
	for _, e := range trace.TraceEvents {
		switch e.Ph {
		case "M":
			named[e.PID] = true
		case "C":
			if _, ok := e.Args["value"].(float64); !ok || !named[e.PID] {
				t.Errorf("counter %s of process %d: %v", e.Name, e.PID, e.Args)
			}
		case "X":
			if e.Dur == nil || *e.Dur < 0 || e.TS < 0 || e.TID < 1 || !named[e.PID] {
				t.Errorf("%+v", e)
				continue
			}
			k := track{e.PID, e.TID}
			s := span{e.TS, e.TS + *e.Dur}
			for _, o := range open[k] {
				apart := s.from >= o.to || s.to <= o.from
				inside := s.from >= o.from && s.to <= o.to
				if !apart && !inside {
					t.Errorf("%s at %v overlaps %v on track %v", e.Name, s, o, k)
				}
			}
			if open[k] = append(open[k], s); len(open[k]) > 50 {
				open[k] = open[k][1:]
			}
		default:
			t.Errorf("phase %q", e.Ph)
		}
	}
	return len(trace.TraceEvents)
}

func TestTraceOfManyCyclesNests(t *testing.T) {
	t.Parallel()
	b := new(bytes.Buffer)
	if err := report.Trace(b, cyclesOf(home())); err != nil {
		t.Fatal(err)
	}
	if n := checkTrace(t, b.Bytes()); n < 2000 {
		t.Errorf("%d events", n)
	}
}

func TestNothingIsWrittenOfNothing(t *testing.T) {
	t.Parallel()
	rows, err := report.NewRows("spans")
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range []func(io.Writer, iter.Seq2[*cycle.Cycle, error]) error{report.Trace, rows.Write} {
		b := new(bytes.Buffer)
		if err := write(b, cyclesOf(new(recording))); !errors.Is(err, report.ErrNothing) || b.Len() > 0 {
			t.Errorf("%v, and wrote %q", err, b)
		}
	}
}

func TestTraceEndsWithTheError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := report.Trace(io.Discard, func(yield func(*cycle.Cycle, error) bool) { yield(nil, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
