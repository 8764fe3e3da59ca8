// Package notify tells systemd how a daemon is doing: that its loops run, that
// they do their work, in a line what they see, and that it is stopping.
//
//	loop  --Record-->  state of each loop  --wake-->  Run  --datagram-->  systemd
//
// The watchdog is fed by nothing but recorded cycles. There is no timer that
// could go on feeding it while a loop hangs.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"wanctl/cycle"
)

const (
	// stopFeeding is how many failed cycles of a loop in a row stop the feeding,
	// as in the Python program; unlike there, a good one starts it again.
	stopFeeding = 3
	// feedsPerPeriod is how often the watchdog is fed while it waits for one.
	feedsPerPeriod = 3
	// statusEvery is the least time between two status lines: each is work for
	// systemd and for everybody who listens to it.
	statusEvery = 5 * time.Second
	// sendTimeout bounds one datagram. It blocks while systemd reads none.
	sendTimeout = time.Second
	// retryAfter is the wait after a datagram that could not be sent.
	retryAfter = time.Second
)

// Notifier speaks systemd's notify protocol for the loops of one process. Record
// of its loops only takes notes; Run does the sending.
type Notifier struct {
	dial   func() (io.WriteCloser, error) // to systemd; one datagram
	period time.Duration                  // after which systemd gives a silent daemon up; 0: it does not
	drops  func() int64                   // of the recorders
	drain  time.Duration                  // what the shutdown may take
	log    *slog.Logger

	wake chan struct{} // there may be something to send

	mu    sync.Mutex
	loops []*loop

	// Of the goroutine that runs Run.
	sent             // what systemd knows
	retry  time.Time // nothing is sent before
	failed bool      // and the log says so
}

// sent is what was sent, and when.
type sent struct {
	ready       bool
	fed, status time.Time
}

// loop is what is noted of a loop. It implements cycle.Recorder.
type loop struct {
	n       *Notifier
	run     *cycle.Run
	longest time.Duration // that one of its cycles may take
	cycles  int64
	unfed   bool // it has recorded a cycle that the watchdog was not fed with
	failed  int  // cycles in a row
	last    cycle.Decision
	total   time.Duration
}

// New returns a Notifier for the environment that systemd gave its service; nil,
// of which all methods do nothing, where nobody listens. drops counts the cycles
// that were not recorded.
func New(drops func() int64, log *slog.Logger) *Notifier {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	n := &Notifier{drops: drops, log: log, wake: make(chan struct{}, 1)}
	n.dial = func() (io.WriteCloser, error) { return dial(socket) }
	var err error
	if n.period, err = daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("the watchdog is not fed: its period cannot be read", "error", err)
	}
	return n
}

// dial connects to systemd's socket.
//
// Note: daemon.SdNotify does the same without a deadline, and would hang with a
// systemd that does not read.
func dial(socket string) (io.WriteCloser, error) {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	return c, c.SetWriteDeadline(time.Now().Add(sendTimeout))
}

// Loop returns the recorder of one more loop, whose cycles take at most longest.
// All loops are there before Run.
func (n *Notifier) Loop(run *cycle.Run, longest time.Duration) cycle.Recorder {
	if n == nil {
		return cycle.Recorders(nil)
	}
	l := &loop{n: n, run: run, longest: max(run.Budget, longest)}
	n.loops = append(n.loops, l)
	n.drain = max(n.drain, l.longest)
	return l
}

// Record implements cycle.Recorder.
func (l *loop) Record(c *cycle.Cycle) {
	l.n.mu.Lock()
	l.cycles, l.unfed, l.last, l.total = c.Seq, true, c.Decision, c.Total
	if l.failed++; c.Outcome == cycle.OK {
		l.failed = 0
	}
	l.n.mu.Unlock()
	select {
	case l.n.wake <- struct{}{}:
	default:
	}
}

// drainFor is added to the longest cycle: what the recorder and the log may take
// to write the rest.
const drainFor = 15 * time.Second

// Run sends what there is to tell until the context ends, then that the daemon is
// stopping, and returns nil. What cannot be sent is sent again; it is told once to
// the log.
func (n *Notifier) Run(ctx context.Context) error {
	if n == nil {
		return nil
	}
	stretch := n.stretch()
	for {
		select {
		case <-ctx.Done():
			n.tell(daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (n.drain+drainFor).Microseconds()), "STATUS=stopping")
			return nil
		case <-n.wake:
			now := time.Now()
			if now.Before(n.retry) {
				continue
			}
			before := n.sent
			lines := n.due(now)
			if n.ready && !before.ready {
				lines = append(lines, stretch...)
			}
			if len(lines) > 0 && !n.tell(lines...) {
				n.sent, n.retry = before, now.Add(retryAfter)
			}
		}
	}
}

// tell sends lines. It returns false, and says so once, if they cannot be sent.
func (n *Notifier) tell(lines ...string) bool {
	err := n.send(strings.Join(lines, "\n"))
	if err != nil && !n.failed {
		n.failed = true
		n.log.Warn("systemd cannot be told how the daemon is doing", "error", err)
	}
	return err == nil
}

// String names the task.
func (n *Notifier) String() string { return "systemd notifier" }

// stretch asks for a longer watchdog period where the unit's is shorter than
// three cycles of the slowest loop, which it would take for hung.
func (n *Notifier) stretch() []string {
	var slowest *loop
	for _, l := range n.loops {
		if slowest == nil || l.longest > slowest.longest {
			slowest = l
		}
	}
	if n.period == 0 || slowest == nil || n.period >= stopFeeding*slowest.longest {
		return nil
	}
	was := n.period
	n.period = stopFeeding * slowest.longest
	n.log.Info("the watchdog waits longer than the unit says: a cycle may take longer",
		"wan", slowest.run.WAN, "unit_s", was.Seconds(), "watchdog_s", n.period.Seconds())
	return []string{fmt.Sprintf("WATCHDOG_USEC=%d", n.period.Microseconds())}
}

// due returns what is to be sent at a moment.
func (n *Notifier) due(now time.Time) (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all, good := true, true
	for _, l := range n.loops {
		all = all && l.cycles > 0
		good = good && l.unfed && l.failed < stopFeeding
	}
	if all && !n.ready {
		n.ready = true
		lines = append(lines, daemon.SdNotifyReady)
	}
	// Every loop has to have recorded a cycle since the last time: one that hangs
	// keeps the others from feeding for it.
	if good && n.period > 0 && now.Sub(n.fed) >= n.period/feedsPerPeriod {
		n.fed = now
		lines = append(lines, daemon.SdNotifyWatchdog)
		for _, l := range n.loops {
			l.unfed = false
		}
	}
	if all && now.Sub(n.status) >= statusEvery {
		n.status = now
		lines = append(lines, "STATUS="+n.line())
	}
	return lines
}

// line is what systemctl status shows.
func (n *Notifier) line() string {
	b := new(strings.Builder)
	for _, l := range n.loops {
		l.describe(b)
		b.WriteString("; ")
	}
	fmt.Fprintf(b, "dropped %d", n.drops())
	return b.String()
}

// describe writes a loop's part of the line, e.g.
//
//	wan1: GREEN/GREEN, 500/50 Mbit/s, 34.1 ms
//	steering: GREEN, off, 61.9 ms, 2 failed in a row
func (l *loop) describe(b *strings.Builder) {
	d := &l.last
	fmt.Fprintf(b, "%s: ", l.run.WAN)
	switch {
	case d.Download.Zone == cycle.NoZone:
		b.WriteString("no zone, ")
	case l.run.Daemon == cycle.Autorate:
		fmt.Fprintf(b, "%s/%s, ", d.Download.Zone, d.Upload.Zone)
	default:
		fmt.Fprintf(b, "%s, ", d.Download.Zone)
	}
	if l.run.Daemon == cycle.Autorate && d.Download.Rate.Known && d.Upload.Rate.Known {
		const mbit = 1e6
		fmt.Fprintf(b, "%.4g/%.4g Mbit/s, ", float64(d.Download.Rate.Value)/mbit, float64(d.Upload.Rate.Value)/mbit)
	}
	if d.Degraded.Known {
		b.WriteString(map[bool]string{false: "off, ", true: "on, "}[d.Degraded.Value])
	}
	fmt.Fprintf(b, "%.1f ms", cycle.Millis(l.total))
	if l.failed > 0 {
		fmt.Fprintf(b, ", %d failed in a row", l.failed)
	}
	if l.failed >= stopFeeding && l.n.period > 0 {
		b.WriteString(" (the watchdog is not fed)")
	}
}

// send sends one datagram.
func (n *Notifier) send(text string) error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	_, err = io.WriteString(c, text)
	return errors.Join(err, c.Close())
}
