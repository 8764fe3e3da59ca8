// Package health says whether a daemon is well, as a page of JSON in the shape
// of the Python program's, with what the recording and the cycles' times add.
//
//	loop  --Record-->  state of each loop  --GET /health-->  200 or 503
package health

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"wanctl/cycle"
)

// Degraded is how many cycles in a row have to go wrong, of a loop or of its
// dealings with the router, before the daemon counts as degraded: as many as in
// the Python program.
const Degraded = 3

// Health keeps what is known of the loops of one process. It is an http.Handler.
type Health struct {
	version   string
	recorders func() []Recorder
	disk      func() Disk
	started   time.Time

	mu    sync.Mutex
	loops []*loop
}

// Loop is what a loop is to be watched by.
type Loop struct {
	Run     *cycle.Run
	Longest time.Duration // that one of its cycles may take
	DryRun  bool
	Recent  func() Recent   // of the times of its latest cycles
	Router  func() Router   // of its connection
	Primary string          // steering: the WAN that is watched
	Limits  *SteeringLimits // steering
}

// Recent are quantiles of the latest cycles' times.
type Recent struct {
	Count         int
	P50, P95, P99 time.Duration
}

// Router is how a connection to the router is doing.
type Router struct {
	Transport string // in use
	Fallbacks int64  // changes to a less preferred transport
}

// Recorder is how one file's recording is doing.
type Recorder struct {
	Path     string
	Flushed  time.Time // the last transaction; zero if there was none
	Recorded int64     // cycles written
	Queued   int       // cycles that wait to be written
	Dropped  int64     // cycles that found no room
	Size     int64     // bytes: database, WAL and shared memory
	MaxSize  int64     // bytes
	Trouble  string    // why nothing can be written; "" if it can
}

// loop is what is noted of a loop. It implements cycle.Recorder.
type loop struct {
	Loop
	h *Health

	cycles, failedAll, overruns, missed int64
	failed                              int       // in a row
	at                                  time.Time // when the last cycle was recorded
	last                                cycle.Decision
	zones                               [2]cycle.Zone // download, upload; the last ones computed
	switched                            time.Time     // steering: when the rule was, while we watched
	cakeFailed                          int           // steering: readings of the queue in a row
	unreached                           int           // cycles in a row in which the router did not do as asked
	unreachedSince                      time.Time
	unreachedAs                         cycle.Outcome
}

// New returns the Health of a process, without loops. disk is the folder whose
// free space counts.
func New(version, disk string, recorders func() []Recorder) *Health {
	return &Health{version: version, recorders: recorders, disk: func() Disk { return diskSpace(disk) }, started: time.Now()}
}

// Loop returns the recorder of one more loop.
func (h *Health) Loop(l Loop) cycle.Recorder {
	h.mu.Lock()
	defer h.mu.Unlock()
	watched := &loop{Loop: l, h: h, at: h.started}
	h.loops = append(h.loops, watched)
	return watched
}

// Record implements cycle.Recorder.
func (l *loop) Record(c *cycle.Cycle) {
	now := time.Now()
	l.h.mu.Lock()
	defer l.h.mu.Unlock()
	l.cycles++
	l.missed += c.Missed
	if c.Overrun() {
		l.overruns++
	}
	if c.Outcome == cycle.OK {
		l.failed = 0
	} else {
		l.failed++
		l.failedAll++
	}
	if was := l.last.Degraded; was.Known && c.Decision.Degraded.Known && was.Value != c.Decision.Degraded.Value {
		l.switched = now
	}
	l.at, l.last = now, c.Decision
	for i, d := range []*cycle.Direction{&l.last.Download, &l.last.Upload} {
		if d.Zone != cycle.NoZone {
			l.zones[i] = d.Zone
		}
	}
	l.noteRouter(c, now)
}

// noteRouter tells from a cycle's spans whether the router can be reached: it can
// if it did any one thing that was asked of it.
func (l *loop) noteRouter(c *cycle.Cycle, now time.Time) {
	asked, answered, as := false, false, cycle.OK
	for i := range c.Spans {
		s := &c.Spans[i]
		switch s.Part {
		case cycle.CAKE:
			if l.cakeFailed++; s.Outcome == cycle.OK {
				l.cakeFailed = 0
			}
		case cycle.Rule, cycle.Update:
		default:
			continue
		}
		asked = true
		if s.Outcome == cycle.OK {
			answered = true
		} else {
			as = s.Outcome
		}
	}
	switch {
	case answered:
		l.unreached = 0
	case asked:
		if l.unreached++; l.unreached == 1 {
			l.unreachedSince = now
		}
		l.unreachedAs = as
	}
}

// stalled returns how long a loop has recorded nothing, if that is too long.
func (l *loop) stalled(now time.Time) (time.Duration, bool) {
	silent := now.Sub(l.at)
	return silent, silent > Degraded*max(l.Run.Budget, l.Longest)
}

// reasons says what is wrong with the loop.
func (l *loop) reasons(now time.Time) (reasons []string) {
	say := func(format string, args ...any) {
		reasons = append(reasons, l.Run.WAN+": "+fmt.Sprintf(format, args...))
	}
	if silent, ok := l.stalled(now); ok {
		say("no cycle has ended for %v", silent.Round(time.Second))
	}
	if l.failed >= Degraded {
		say("%d cycles failed in a row", l.failed)
	}
	if l.unreached >= Degraded {
		say("nothing that was asked of the router went well for %d cycles", l.unreached)
	}
	return reasons
}

// ServeHTTP implements http.Handler: 200 while the daemon is healthy, else 503.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p := h.page(time.Now())
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if p.Status != statusHealthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(text, '\n'))
}
