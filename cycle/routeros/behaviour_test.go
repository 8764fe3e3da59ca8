package routeros_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/routeros/simulator"
)

// transports are what every behaviour is run over.
var transports = []simulator.Transport{simulator.API, simulator.REST, simulator.SSH}

// behaviour is what a loop may count on, whatever the transport.
type behaviour struct {
	name    string
	options []option
	test    func(t *testing.T, w *world)
}

// behaviours are those that a router of anyone's can be asked to show: see
// TestARealRouter.
var behaviours = []behaviour{
	{"queues come in the order of their names", nil, func(t *testing.T, w *world) {
		for _, names := range [][]string{{download, upload}, {upload, download}, {upload}} {
			qs := must(w.Queues(t.Context(), names...))(t)
			var got []string
			for _, q := range qs {
				got = append(got, q.Name)
			}
			if diff := cmp.Diff(names, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
	}},
	{"a missing queue is named, and costs no login", nil, func(t *testing.T, w *world) {
		for range 3 {
			_, err := w.Queues(t.Context(), download, "WAN-Nowhere")
			wantError(t, w.note(err), `no queue "WAN-Nowhere"`)
		}
		if !w.Status().Answered {
			t.Error("the router has answered, and its status does not say so")
		}
		must(w.queues(t.Context()))(t)
		wantLogins(t, w, 1)
	}},
	{"names that are none are not sent", nil, func(t *testing.T, w *world) {
		for _, name := range []string{"", "a b", `a"b`, "a\n", "a;b", "[find]", "$(id)", "é", strings.Repeat("a", 65)} {
			_, err := w.Queues(t.Context(), name)
			wantError(t, err, "no name of a queue")
			wantError(t, w.SetLimits(t.Context(), cycle.Limit{Queue: name, Rate: 1}), "no name of a queue")
		}
		wantLogins(t, w, 0)
	}},
	{"limits are set, with their types", nil, func(t *testing.T, w *world) {
		for i := range int64(3) {
			ok(t, w.set(t.Context(), 400_000_001+i, 40_000_001+i))
			wantLimit(t, w, download, 400_000_001+i)
			wantLimit(t, w, upload, 40_000_001+i)
		}
		wantWrites(t, w, 6)
	}},
	{"one limit is set alone, and without a type", nil, func(t *testing.T, w *world) {
		ok(t, w.set(t.Context(), 88_000_000, 99_000_000))
		ok(t, w.SetLimits(t.Context(), cycle.Limit{Queue: upload, Rate: 77_000_000}))
		wantLimit(t, w, download, 88_000_000)
		wantLimit(t, w, upload, 77_000_000)
		wantWrites(t, w, 3)
	}},
	{"a limit for a missing queue is an error that names it", nil, func(t *testing.T, w *world) {
		wantError(t, w.SetLimits(t.Context(), cycle.Limit{Queue: "WAN-Nowhere", Rate: 5}), `no queue "WAN-Nowhere"`)
		wantLogins(t, w, 1)
	}},
	{"a queue type that does not exist is refused", nil, func(t *testing.T, w *world) {
		err := w.SetLimits(t.Context(), cycle.Limit{Queue: download, Type: "no-such-type", Rate: 5})
		wantError(t, w.note(err), "set limits")
		wantLogins(t, w, 1)
		ok(t, w.set(t.Context(), 6, 7))
		wantLimit(t, w, download, 6)
	}},
	{"the rule is read by its whole comment", nil, func(t *testing.T, w *world) {
		if on := must(w.Client.Rule(t.Context(), comment))(t); on {
			t.Error("on")
		}
		if strings.Contains(w.said.String(), "exactly") {
			t.Errorf("said: %s", w.said)
		}
	}},
	{"the rule is switched, confirmed, and left alone where it is so", nil, func(t *testing.T, w *world) {
		for _, on := range []bool{true, true, false, false, true} {
			ok(t, w.SetRule(t.Context(), comment, on))
			wantRule(t, w, on)
		}
		wantWrites(t, w, 3)
	}},
	{"a part of the comment finds the one rule, with a warning", nil, func(t *testing.T, w *world) {
		for range 3 {
			ok(t, w.SetRule(t.Context(), "test: steer", true))
		}
		if n := strings.Count(w.said.String(), "one contains it"); n != 1 {
			t.Errorf("warned %d times", n)
		}
	}},
	{"queues and rule are read at once, over and over, with one login each", nil, func(t *testing.T, w *world) {
		for range 50 {
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := w.queues(t.Context()); err != nil {
					t.Error(err)
				}
			})
			if _, err := w.Client.Rule(t.Context(), comment); err != nil {
				t.Error(err)
			}
			wg.Wait()
		}
		want := int64(1)
		if w.transport == simulator.REST {
			want = 2 // a connection each
		}
		wantLogins(t, w, want)
	}},
	{"a closed client says so", nil, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		ok(t, w.Close())
		ok(t, w.Close())
		_, err := w.queues(t.Context())
		wantError(t, err, "closed")
	}},
	{"a login is a span of the cycle it happened in", nil, func(t *testing.T, w *world) {
		timer := cycle.NewTimer(cycle.Autorate, nil)
		timer.Begin(time.Now())
		ctx := cycle.WithTimer(t.Context(), timer)
		must(w.queues(ctx))(t)
		must(w.queues(ctx))(t)
		spans, _ := timer.Spans()
		if len(spans) != 1 || spans[0].Part != cycle.Other || spans[0].Target != "login "+string(w.transport) || spans[0].Outcome != cycle.OK {
			t.Errorf("spans %+v", spans)
		}
	}},
	{"the router tells of itself", []option{having(func(c *simulator.Config) { c.Uptime = 100 * time.Hour })}, func(t *testing.T, w *world) {
		res := must(w.Resource(t.Context()))(t)
		if res.Uptime < time.Second || !res.WriteSectors.Known || res.Version == "" || res.Board == "" {
			t.Errorf("%+v", res)
		}
	}},
}

// releases are the RouterOS releases that the behaviours are run over; the first
// knows only the older login, and SSH of v6 prints otherwise than v7.
var releases = []struct {
	version    string
	transports []simulator.Transport
}{
	{"6.42.12", apiOnly},
	{"6.48.6", []simulator.Transport{simulator.API, simulator.SSH}},
	{"7.1.5", restOnly},
	{simulator.DefaultVersion, transports},
}

func TestBehaviours(t *testing.T) {
	t.Parallel()
	for _, release := range releases {
		for _, transport := range release.transports {
			for _, b := range slices.Concat(behaviours, hazards) {
				t.Run(fmt.Sprintf("%s/%s/%s", release.version, transport, b.name), func(t *testing.T) {
					t.Parallel()
					version := having(func(c *simulator.Config) { c.Version = release.version })
					b.test(t, newWorld(t, transport, append([]option{version}, b.options...)...))
				})
			}
		}
	}
}
