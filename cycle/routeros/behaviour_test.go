package routeros_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// transports are what every behaviour is run over.
var transports = []simulator.Transport{simulator.API, simulator.REST, simulator.SSH}

// behaviours are what a loop may count on, whatever the transport.
var behaviours = []struct {
	name    string
	options []option
	test    func(t *testing.T, w *world)
}{
	{"queues come in the order of their names", nil, func(t *testing.T, w *world) {
		for _, names := range [][]string{{download, upload}, {upload, download}, {upload}, {"other", upload, download}} {
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
	{"a queue's limit and depth are read as they are", nil, func(t *testing.T, w *world) {
		eventually(t, w, func(ctx context.Context) error { // until the overloaded queue is full
			got := must(w.Queues(ctx, upload))(t)[0]
			want, _ := w.Simulator.Queue(upload)
			if got.Limit != 50_000_000 || got.QueuedBytes != want.QueuedBytes || got.QueuedPackets != want.QueuedPackets || want.QueuedPackets == 0 {
				return fmt.Errorf("got %+v, the router has %+v", got, want)
			}
			return nil
		})
	}},
	{"counters are told as differences from the second reading on", nil, func(t *testing.T, w *world) {
		counters := []simulator.Counters{
			{Bytes: 1000, Packets: 10, Dropped: 1},
			{Bytes: 5000, Packets: 14, Dropped: 1},
			{Bytes: 18446744073709551615, Packets: 15, Dropped: 3},
		}
		want := []cycle.Maybe[cycle.Counted]{
			{},
			cycle.Known(cycle.Counted{Bytes: 4000, Packets: 4}),
			cycle.Known(cycle.Counted{Bytes: 18446744073709546615, Packets: 1, Dropped: 2}),
		}
		checkCounts(t, w, counters, want)
	}},
	{"counters that began anew give no difference", nil, func(t *testing.T, w *world) {
		counters := []simulator.Counters{{Bytes: 1000, Packets: 10, Dropped: 1}, {Bytes: 10, Packets: 1}, {Bytes: 30, Packets: 2}}
		checkCounts(t, w, counters, []cycle.Maybe[cycle.Counted]{{}, {}, cycle.Known(cycle.Counted{Bytes: 20, Packets: 1})})
	}},
	{
		"a counter that went round at 32 bits goes on",
		[]option{having(func(c *simulator.Config) { c.Wrap32 = true; c.Uptime = time.Hour })},
		func(t *testing.T, w *world) {
			counters := []simulator.Counters{
				{Bytes: 1 << 40, Packets: 1<<32 - 3, Dropped: 1<<32 - 1},
				{Bytes: 1<<40 + 500, Packets: 1<<32 + 4, Dropped: 1<<32 + 9},
			}
			checkCounts(t, w, counters, []cycle.Maybe[cycle.Counted]{{}, cycle.Known(cycle.Counted{Bytes: 500, Packets: 7, Dropped: 10})})
		},
	},
	{"a missing queue is named, and costs no login", nil, func(t *testing.T, w *world) {
		for range 3 {
			_, err := w.Queues(t.Context(), download, "WAN-Nowhere")
			wantError(t, w.note(err), `no queue "WAN-Nowhere"`)
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
		if n := w.traffic().Connections; n != 0 {
			t.Errorf("%d connections", n)
		}
	}},
	{"limits are set, with their types", nil, func(t *testing.T, w *world) {
		for i := range int64(3) {
			ok(t, w.set(t.Context(), 400_000_001+i, 40_000_001+i))
			wantLimit(t, w, download, 400_000_001+i)
			wantLimit(t, w, upload, 40_000_001+i)
		}
		if q, _ := w.Simulator.Queue(upload); q.Type != "cake-up-wan1" {
			t.Errorf("type %q", q.Type)
		}
		wantWrites(t, w, 6)
	}},
	{"one limit is set alone, and without a type", nil, func(t *testing.T, w *world) {
		ok(t, w.SetLimits(t.Context(), cycle.Limit{Queue: "other", Rate: 77}))
		wantLimit(t, w, "other", 77)
		wantLimit(t, w, download, 500_000_000)
		wantWrites(t, w, 1)
	}},
	{
		"a queue whose name is a number is found by it",
		[]option{having(func(c *simulator.Config) { c.Queues = append(c.Queues, simulator.Queue{Name: "1"}) })},
		func(t *testing.T, w *world) {
			ok(t, w.SetLimits(t.Context(), cycle.Limit{Queue: "1", Rate: 4321}))
			wantLimit(t, w, "1", 4321)
		},
	},
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
	{"a queue made anew, with an old id of another, is set all the same", nil, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		ok(t, w.set(t.Context(), 100, 100))
		old, _ := w.Simulator.Queue(download)
		console(t, w, `/queue tree remove [find name="`+download+`"]`)
		ok(t, w.AddQueue(simulator.Queue{Name: "stranger", Type: "cake-other", ID: old.ID, Limit: 1}))
		ok(t, w.AddQueue(simulator.Queue{Name: download, Type: "cake-down-wan1", ID: "*77", Limit: 100}))
		ok(t, w.set(t.Context(), 200, 200))
		wantLimit(t, w, "stranger", 1)
		wantLimit(t, w, download, 200)
		qs := must(w.queues(t.Context()))(t)
		if qs[0].Counted.Known || !qs[1].Counted.Known {
			t.Errorf("counted from another queue: %+v", qs)
		}
	}},
	{"a queue that was renamed is missing", nil, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		console(t, w, `/queue tree set [find name="`+download+`"] name=renamed`)
		_, err := w.queues(t.Context())
		wantError(t, err, fmt.Sprintf("no queue %q", download))
	}},
	{"the rule is read by its whole comment", nil, func(t *testing.T, w *world) {
		if on := must(w.Client.Rule(t.Context(), comment))(t); on {
			t.Error("on")
		}
		if on := must(w.Client.Rule(t.Context(), "never written"))(t); !on {
			t.Error("off: a rule that never was disabled is on")
		}
		if strings.Contains(w.said.String(), "exactly") {
			t.Errorf("said: %s", w.said)
		}
	}},
	{"the rule is switched, confirmed, and left alone where it is so", nil, func(t *testing.T, w *world) {
		for _, on := range []bool{true, true, false, false, true} {
			ok(t, w.SetRule(t.Context(), comment, on))
			if got, _ := w.Simulator.Rule(comment); got != on {
				t.Errorf("on = %v, want %v", got, on)
			}
		}
		wantWrites(t, w, 3)
	}},
	{"a part of the comment finds the one rule, with a warning", nil, func(t *testing.T, w *world) {
		for range 3 {
			ok(t, w.SetRule(t.Context(), "Steer latency", true))
		}
		if n := strings.Count(w.said.String(), "one contains it"); n != 1 {
			t.Errorf("warned %d times", n)
		}
	}},
	{
		"two rules of a comment are an error that says so",
		[]option{having(func(c *simulator.Config) { c.Rules = append(c.Rules, simulator.Rule{Comment: comment}) })},
		func(t *testing.T, w *world) {
			_, err := w.Client.Rule(t.Context(), comment)
			wantError(t, w.note(err), "2 mangle rules have this comment")
			wantError(t, w.SetRule(t.Context(), comment, true), "2 mangle rules")
			_, err = w.Client.Rule(t.Context(), "Steer")
			wantError(t, err, "2 contain it")
			_, err = w.Client.Rule(t.Context(), "nowhere")
			wantError(t, err, "0 contain it")
			wantWrites(t, w, 0)
			wantLogins(t, w, 1)
		},
	},
	{
		"comments may hold anything but control characters",
		[]option{having(func(c *simulator.Config) {
			for _, s := range odd {
				c.Rules = append(c.Rules, simulator.Rule{Comment: s, Disabled: true})
			}
			c.Rules = append(c.Rules, simulator.Rule{Comment: "line\r\nbreak \x01 =x"})
		})},
		func(t *testing.T, w *world) {
			for _, s := range odd {
				ok(t, w.SetRule(t.Context(), s, true))
				if on, _ := w.Simulator.Rule(s); !on {
					t.Errorf("rule %q is off", s)
				}
			}
			wantWrites(t, w, int64(len(odd)))
		},
	},
	{
		"one rule is found among thousands",
		[]option{having(func(c *simulator.Config) {
			for i := range 3000 {
				c.Rules = append(c.Rules, simulator.Rule{Comment: fmt.Sprintf("rule number %d of many, with a long comment", i)})
			}
		})},
		func(t *testing.T, w *world) {
			ok(t, w.SetRule(t.Context(), "number 2718 of", false))
			if on, _ := w.Simulator.Rule("rule number 2718 of many, with a long comment"); on {
				t.Error("still on")
			}
		},
	},
	{"a filter that finds no comment is done without", nil, func(t *testing.T, w *world) {
		w.Inject(simulator.Fault{Kind: simulator.Empty, Command: "/ip/firewall/mangle/print", Count: 1})
		for range 3 {
			if on := must(w.Client.Rule(t.Context(), comment))(t); on {
				t.Error("on")
			}
		}
		ok(t, w.SetRule(t.Context(), comment, true))
		console(t, w, `/ip firewall mangle set [find comment="`+comment+`"] comment="another's"`)
		_, err := w.Client.Rule(t.Context(), comment)
		wantError(t, err, "0 contain it") // its id is not enough
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
	{"a refused login is not tried again soon", []option{wrongPassword}, func(t *testing.T, w *world) {
		for range 20 {
			_, err := w.queues(t.Context())
			wantError(t, err, "login refused")
			err = w.set(t.Context(), 1, 1)
			wantError(t, err, "login refused")
		}
		if n := w.traffic().Refused; n != 1 {
			t.Errorf("%d refused logins", n)
		}
	}},
	{"after a reboot nothing old is counted with, and lost limits are set again", nil, func(t *testing.T, w *world) {
		ok(t, w.set(t.Context(), 111, 222))
		must(w.queues(t.Context()))(t)
		w.Reboot(200 * time.Millisecond)
		console(t, w, `/queue tree set [find name="`+download+`"] max-limit=999`)
		eventually(t, w, func(ctx context.Context) error {
			qs, err := w.queues(ctx)
			if err == nil && (qs[0].Counted.Known || qs[1].Counted.Known) {
				t.Errorf("counted across the reboot: %+v", qs)
			}
			return err
		})
		wantLimit(t, w, download, 111)
		wantLimit(t, w, upload, 222)
		if qs := must(w.queues(t.Context()))(t); !qs[0].Counted.Known || qs[0].Limit != 111 {
			t.Errorf("after the reboot: %+v", qs[0])
		}
	}},
	{"an owner who insists on another limit is not fought", nil, func(t *testing.T, w *world) {
		ok(t, w.set(t.Context(), 111, 222))
		for range 4 {
			console(t, w, `/queue tree set [find name="`+download+`"] max-limit=999`)
			must(w.queues(t.Context()))(t)
		}
		wantLimit(t, w, download, 999)
		ok(t, w.set(t.Context(), 112, 222))
		wantLimit(t, w, download, 112)
	}},
	{"a closed client says so", nil, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		ok(t, w.Close())
		ok(t, w.Close())
		_, err := w.queues(t.Context())
		wantError(t, err, "closed")
	}},
	{"an operation ends by its context's deadline", []option{timeout(time.Minute)}, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		w.Inject(simulator.Fault{Kind: simulator.Hang, Command: "/"})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := w.queues(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || cycle.OutcomeOf(err) != cycle.TimedOut {
			t.Errorf("error %v", err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
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
		if res.Uptime.Truncate(time.Hour) != 100*time.Hour || !res.WriteSectors.Known || res.Version == "" || res.Board == "" {
			t.Errorf("%+v", res)
		}
	}},
}

// odd are comments that are hard to quote.
var odd = []string{`say "hello"`, `back\slash`, "$dollar $(x)", "a=b=c", "größer, 中文", "semi;colon {x} [y]", "what? 100% #1", "a  b", "'", "+ & ?"}

func wrongPassword(s *simulator.Config, _ *routeros.Config) { s.Users[0].Password = "another" }

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
			for _, b := range behaviours {
				t.Run(fmt.Sprintf("%s/%s/%s", release.version, transport, b.name), func(t *testing.T) {
					t.Parallel()
					version := having(func(c *simulator.Config) { c.Version = release.version })
					b.test(t, newWorld(t, transport, append([]option{version}, b.options...)...))
				})
			}
		}
	}
}

// must returns a call's value, and ends the test where it has an error.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
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
	if got := w.traffic().Logins; got != n {
		t.Errorf("%d logins, want %d", got, n)
	}
}

func wantWrites(t *testing.T, w *world, n int64) {
	t.Helper()
	if got := w.Counts().Writes; got != n {
		t.Errorf("%d writes to the flash, want %d", got, n)
	}
}

func wantLimit(t *testing.T, w *world, queue string, rate int64) {
	t.Helper()
	if q, _ := w.Simulator.Queue(queue); q.Limit != rate {
		t.Errorf("queue %s has limit %d, want %d", queue, q.Limit, rate)
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
