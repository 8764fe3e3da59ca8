package routeros_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/routeros/simulator"
)

// must returns a call's value, and ends the test where it has an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one that says %q", err, text)
	}
}

func wantLogins(t *testing.T, w *world, n int64) {
	t.Helper()
	if got := w.Status().Logins; got != n {
		t.Errorf("the client counts %d logins, want %d", got, n)
	}
	if w.Simulator == nil {
		return
	}
	if got := w.traffic().Logins; got != n {
		t.Errorf("%d logins, want %d", got, n)
	}
}

func wantWrites(t *testing.T, w *world, n int64) {
	t.Helper()
	if w.Simulator == nil {
		return
	}
	if got := w.Counts().Writes; got != n {
		t.Errorf("%d writes to the flash, want %d", got, n)
	}
}

func wantLimit(t *testing.T, w *world, queue string, rate int64) {
	t.Helper()
	var got int64
	if w.Simulator == nil {
		got = must(w.Queues(t.Context(), queue))(t)[0].Limit
	} else {
		q, _ := w.Simulator.Queue(queue)
		got = q.Limit
	}
	if got != rate {
		t.Errorf("queue %s has limit %d, want %d", queue, got, rate)
	}
}

func wantRule(t *testing.T, w *world, on bool) {
	t.Helper()
	var got bool
	if w.Simulator == nil {
		got = must(w.Client.Rule(t.Context(), comment))(t)
	} else {
		got, _ = w.Simulator.Rule(comment)
	}
	if got != on {
		t.Errorf("the rule is on: %v, want %v", got, on)
	}
}

// console does what an operator would at the router itself.
func console(t *testing.T, w *world, line string) {
	t.Helper()
	if out, err := w.Console(line); err != nil || strings.TrimSpace(out) != "" {
		t.Fatalf("%s: %q, %v", line, out, err)
	}
}

// eventually tries until it works, and returns how long that took.
func eventually(t *testing.T, w *world, try func(context.Context) error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := try(ctx)
		cancel()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > 40*time.Second {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// checkCounts sets a queue's counters, one after the other, and compares what
// each reading tells.
func checkCounts(t *testing.T, w *world, counters []simulator.Counters, want []cycle.Maybe[cycle.Counted]) {
	t.Helper()
	w.SetStuck(download, true)
	var got []cycle.Maybe[cycle.Counted]
	for _, c := range counters {
		w.SetCounters(download, c)
		got = append(got, must(w.queues(t.Context()))(t)[0].Counted)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got)\n%s", diff)
	}
}
