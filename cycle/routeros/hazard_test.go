package routeros_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// hazards are behaviours that take a router which can be meddled with.
var hazards = []behaviour{
	{"a rule that never was disabled does not show it, and is on", nil, func(t *testing.T, w *world) {
		if on := must(w.Client.Rule(t.Context(), "never written"))(t); !on {
			t.Error("off")
		}
	}},
	{"the queue types are set along with the limits", nil, func(t *testing.T, w *world) {
		for _, name := range []string{download, upload} {
			console(t, w, `/queue tree set [find name="`+name+`"] queue=cake-other`)
		}
		ok(t, w.set(t.Context(), 100, 200))
		for name, want := range map[string]string{download: downloadType, upload: uploadType} {
			if q, _ := w.Simulator.Queue(name); q.Type != want {
				t.Errorf("queue %s has type %q", name, q.Type)
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
	{
		"a queue whose name is a number is found by it",
		[]option{having(func(c *simulator.Config) { c.Queues = append(c.Queues, simulator.Queue{Name: "1"}) })},
		func(t *testing.T, w *world) {
			ok(t, w.SetLimits(t.Context(), cycle.Limit{Queue: "1", Rate: 4321}))
			wantLimit(t, w, "1", 4321)
		},
	},
	{"a queue made anew, with an old id of another, is set all the same", nil, func(t *testing.T, w *world) {
		must(w.queues(t.Context()))(t)
		ok(t, w.set(t.Context(), 100, 100))
		old, _ := w.Simulator.Queue(download)
		console(t, w, `/queue tree remove [find name="`+download+`"]`)
		ok(t, w.AddQueue(simulator.Queue{Name: "stranger", Type: "cake-other", ID: old.ID, Limit: 1}))
		ok(t, w.AddQueue(simulator.Queue{Name: download, Type: downloadType, ID: "*77", Limit: 100}))
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
	{
		"two rules of a comment are an error that says so",
		[]option{having(func(c *simulator.Config) { c.Rules = append(c.Rules, simulator.Rule{Comment: comment}) })},
		func(t *testing.T, w *world) {
			_, err := w.Client.Rule(t.Context(), comment)
			wantError(t, w.note(err), "2 mangle rules have this comment")
			wantError(t, w.SetRule(t.Context(), comment, true), "2 mangle rules")
			_, err = w.Client.Rule(t.Context(), "steer")
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
		if s := w.Status(); s.Answered || s.LastError == "" {
			t.Errorf("a refused login counts as an answer: %+v", s)
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
}

// odd are comments that are hard to quote.
var odd = []string{`say "hello"`, `back\slash`, "$dollar $(x)", "a=b=c", "größer, 中文", "semi;colon {x} [y]", "what? 100% #1", "a  b", "'", "+ & ?"}

func wrongPassword(s *simulator.Config, _ *routeros.Config) { s.Users[0].Password = "another" }
