package main

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/cycle/steering"
)

// leadIn is how long before the window replay begins to follow a run that it did
// not see start, to find the law's streaks.
const leadIn = 2 * time.Minute

// replayRecorded replays the recorded cycles of one loop.
func (p *program) replayRecorded(c *cli.Context) error {
	w, loc, err := p.window(c)
	if err != nil {
		return err
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	if c.Int("differences") < 0 {
		return misuse("--differences wants 0 or more")
	}
	again := &rerun{window: w, format: c.String("format"), most: c.Int("differences"), law: recordedLaw}
	if path := c.String("config"); path != "" {
		daemon, wan, l, err := p.loadLaw(path)
		if err != nil {
			return err
		}
		if o.Daemon != "" && o.Daemon != daemon {
			return misuse("--daemon %s: %s is a configuration of %s", o.Daemon, path, daemon)
		}
		if o.Daemon = daemon; o.WAN == "" {
			o.WAN = wan
		}
		again.config, again.law = path, func(*cycle.Run) (law, error) { return l, nil }
	}
	rs, err := p.recordings(c)
	if err != nil {
		return err
	}
	defer rs.Close()
	from := cycle.Window{Since: w.Since.Add(-leadIn), Until: w.Until}
	cycles, stop := p.watched(c, from, rs.cycles(c.Context, from, o))
	defer stop()
	return p.output(c, func(out io.Writer) error {
		if err := again.all(out, cycles); err != nil {
			return err
		}
		if again.cycles == 0 {
			return rs.nothing(c.Context, w, o, loc)
		}
		if again.format != "table" {
			return again.rows.flush()
		}
		return again.summary(out, loc)
	})
}

// recordedLaw returns the law of a run's own configuration.
func recordedLaw(run *cycle.Run) (law, error) {
	hint := "give the one to replay with by --config"
	if run.Config == "" {
		return nil, fmt.Errorf("the run of %s has no configuration on record: %s", run.Started.Format(time.RFC3339), hint)
	}
	unset := func(string) (string, bool) { return "", false }
	name := "the configuration on record"
	var findings configs.Findings
	switch run.Daemon {
	case cycle.Steering:
		var s *configs.Steering
		if s, findings = configs.ReadSteering(name, []byte(run.Config), unset); s != nil {
			return steering.NewReplay(s.Daemon), nil
		}
	default:
		var a *configs.Autorate
		if a, findings = configs.ReadAutorate(name, []byte(run.Config), unset); a != nil {
			return autorate.NewReplay(a.Daemon), nil
		}
	}
	return nil, fmt.Errorf("the run of %s cannot be replayed under its own configuration: %s\n%v", run.Started.Format(time.RFC3339), hint, findings.Errors())
}

// rerun replays recorded cycles and compares.
type rerun struct {
	window cycle.Window
	format string
	config string // the configuration to replay with; "" for each run's own
	law    func(*cycle.Run) (law, error)
	most   int // differing cycles to keep

	run     *cycle.Run
	current law
	seq     int64 // of the cycle before
	sure    bool  // the law's state is known
	rows    *rows
	buf     []byte

	cycles    int64
	adopted   int64 // cycles whose decision was taken over, for want of a state
	missing   int64
	differing int64
	first     []difference
	was, is   tally
}

// difference is a cycle that was decided differently.
type difference struct {
	start   time.Time
	seq     int64
	was, is cycle.Decision
}

// all replays every cycle; what begins before the window is only followed.
func (r *rerun) all(out io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error {
	for c, err := range cycles {
		if err != nil {
			return err
		}
		if c.Run != r.run {
			if err := r.begin(out, c); err != nil {
				return err
			}
		} else {
			r.missing += max(0, c.Seq-r.seq-1)
		}
		r.seq = c.Seq
		if c.Start.Before(r.window.Since) {
			r.current.Follow(&c.Decision)
			r.sure = r.sure || c.Decision.RTT.Known
			continue
		}
		if err := r.cycle(c); err != nil {
			return err
		}
	}
	return nil
}

// begin takes up another run.
func (r *rerun) begin(out io.Writer, c *cycle.Cycle) (err error) {
	if r.run != nil && (r.run.Daemon != c.Run.Daemon || r.run.WAN != c.Run.WAN) {
		return misuse("there are cycles of %s %s and of %s %s: choose with --daemon and --wan",
			r.run.Daemon, r.run.WAN, c.Run.Daemon, c.Run.WAN)
	}
	r.run = c.Run
	if r.current, err = r.law(c.Run); err != nil {
		return err
	}
	state := ""
	if r.sure = c.Seq == 1; r.sure {
		state = c.Run.State
	}
	if err := r.current.Begin(state); err != nil {
		return fmt.Errorf("run of %s: %w", c.Run.Started.Format(time.RFC3339), err)
	}
	if r.rows == nil {
		r.rows = newRows(out, r.format, append([]string{"time", "cycle"}, r.current.Columns()...))
	}
	return nil
}

// cycle replays one cycle of the window.
func (r *rerun) cycle(c *cycle.Cycle) error {
	r.cycles++
	was := c.Decision
	is := was
	if r.sure {
		is = r.current.Cycle(&was)
	} else {
		r.current.Follow(&was)
		r.sure = was.RTT.Known
		r.adopted++
	}
	r.was.add(&was, c.Run.Budget)
	r.is.add(&is, c.Run.Budget)
	if !same(&was, &is) && !(c.Run.Source != "" && sameAsLogged(&was, &is)) {
		r.differing++
		if len(r.first) < r.most {
			r.first = append(r.first, difference{c.Start, c.Seq, was, is})
		}
	}
	if r.format == "table" {
		return nil
	}
	r.buf = c.Start.UTC().AppendFormat(append(r.buf[:0], `{"time":"`...), time.RFC3339Nano)
	r.buf = strconv.AppendInt(append(r.buf, `","cycle":`...), c.Seq, 10)
	at := len(r.buf)
	r.buf = r.current.AppendOut(r.buf)
	r.buf[at] = ',' // the two objects are one
	return r.rows.put(r.buf, 0)
}

// same tells whether two cycles were decided alike. Averages are not compared:
// they decide nothing by themselves, and are recorded rounded.
func same(a, b *cycle.Decision) bool {
	return a.Download.Zone == b.Download.Zone && a.Upload.Zone == b.Upload.Zone &&
		a.Download.Rate == b.Download.Rate && a.Upload.Rate == b.Upload.Rate &&
		a.Write == b.Write && a.Degraded == b.Degraded
}

// sameAsLogged is same for a cycle that a log told: of most cycles it tells the rates
// in whole Mbit/s, and of those that measured nothing not at all.
func sameAsLogged(logged, is *cycle.Decision) bool {
	a, b := *logged, *is
	for _, d := range []struct{ logged, is *cycle.Direction }{{&a.Download, &b.Download}, {&a.Upload, &b.Upload}} {
		const unit = 1_000_000
		told, rate := d.logged.Rate, d.is.Rate
		if !told.Known || told.Value%unit == 0 && rate.Known && rate.Value-told.Value < unit && told.Value-rate.Value < unit {
			d.logged.Rate, d.is.Rate = cycle.Maybe[int64]{}, cycle.Maybe[int64]{}
		}
	}
	return same(&a, &b)
}

// tally sums up decisions.
type tally struct {
	down, up lane
	writes   int64
	failed   int64
	degraded time.Duration
	steers   bool
}

// lane sums up one direction.
type lane struct {
	zones  [cycle.Red + 1]time.Duration
	rates  int64
	sum    float64 // bit/s
	lowest int64   // bit/s
}

func (t *tally) add(d *cycle.Decision, budget time.Duration) {
	t.down.add(&d.Download, budget)
	t.up.add(&d.Upload, budget)
	switch d.Write {
	case cycle.Written, cycle.Dry:
		t.writes++
	case cycle.WriteFailed:
		t.failed++
	}
	t.steers = t.steers || d.Degraded.Known
	if d.Degraded.Value {
		t.degraded += budget
	}
}

func (l *lane) add(d *cycle.Direction, budget time.Duration) {
	l.zones[min(d.Zone, cycle.Red)] += budget
	if rate := d.Rate.Value; d.Rate.Known {
		if l.rates == 0 || rate < l.lowest {
			l.lowest = rate
		}
		l.sum += float64(rate)
		l.rates++
	}
}

// summary tells what would have been decided differently.
func (r *rerun) summary(out io.Writer, loc *time.Location) error {
	b := new(bytes.Buffer)
	under := "each run's own configuration"
	if r.config != "" {
		under = r.config
	}
	fmt.Fprintf(b, "%s %s, %s to %s, replayed under %s\n\n", r.run.Daemon, r.run.WAN,
		moment(r.window.Since, loc), moment(r.window.Until, loc), under)
	compare(b, "", "recorded", "replayed")
	if r.was.steers || r.is.steers {
		compareZones(b, "assessment", &r.was.down, &r.is.down)
		compare(b, "rule on", r.was.degraded, r.is.degraded)
	} else {
		compareZones(b, "download", &r.was.down, &r.is.down)
		compareRates(b, "download", &r.was.down, &r.is.down)
		compareZones(b, "upload", &r.was.up, &r.is.up)
		compareRates(b, "upload", &r.was.up, &r.is.up)
	}
	compare(b, "router writes", r.was.writes, r.is.writes)
	compare(b, "failed writes", r.was.failed, r.is.failed)
	fmt.Fprintf(b, "\n%d of %d cycles are decided differently\n", r.differing, r.cycles)
	for _, d := range r.first {
		d.write(b, loc)
	}
	if more := r.differing - int64(len(r.first)); more > 0 {
		fmt.Fprintf(b, "  and %d more (--differences shows more, --format csv every cycle)\n", more)
	}
	if r.run.Source != "" {
		fmt.Fprintf(b, "note: from a log, which rounds: rates count as equal within 1 Mbit/s\n")
	}
	if r.missing > 0 {
		fmt.Fprintf(b, "note: cycles not on record: %d; the replayed state goes on as if they had not been\n", r.missing)
	}
	if r.adopted > 0 {
		fmt.Fprintf(b, "note: cycles taken over as recorded: %d; the state before them is not on record\n", r.adopted)
	}
	_, err := out.Write(b.Bytes())
	return err
}

// compare writes a line of the summary.
func compare(b *bytes.Buffer, name string, was, is any) {
	fmt.Fprintf(b, "%-22s %12v %12v\n", name, was, is)
}

// compareZones tells the time in each zone of one direction.
func compareZones(b *bytes.Buffer, name string, was, is *lane) {
	for z := range was.zones {
		if was.zones[z]+is.zones[z] == 0 {
			continue
		}
		zone := cycle.Zone(z).String()
		if zone == "" {
			zone = "unmeasured"
		}
		compare(b, name+" "+zone, was.zones[z], is.zones[z])
	}
}

func compareRates(b *bytes.Buffer, name string, was, is *lane) {
	if was.rates > 0 && is.rates > 0 {
		compare(b, name+" mean rate", was.mean(), is.mean())
		compare(b, name+" lowest rate", rateText(cycle.Known(was.lowest)), rateText(cycle.Known(is.lowest)))
	}
}

func (l *lane) mean() string { return rateText(cycle.Known(int64(l.sum / float64(l.rates)))) }

// write tells what differs in one cycle.
func (d *difference) write(b *bytes.Buffer, loc *time.Location) {
	fmt.Fprintf(b, "  %s  cycle %d:", d.start.In(loc).Format("2006-01-02 15:04:05.000"), d.seq)
	d.direction(b, "DL", &d.was.Download, &d.is.Download)
	d.direction(b, "UL", &d.was.Upload, &d.is.Upload)
	if d.was.Degraded != d.is.Degraded {
		fmt.Fprintf(b, " rule on: %v -> %v", d.was.Degraded.Value, d.is.Degraded.Value)
	}
	if d.was.Write != d.is.Write {
		fmt.Fprintf(b, " write: %s -> %s", orNone(d.was.Write.String()), orNone(d.is.Write.String()))
	}
	b.WriteByte('\n')
}

func (d *difference) direction(b *bytes.Buffer, name string, was, is *cycle.Direction) {
	if was.Zone != is.Zone {
		fmt.Fprintf(b, " %s %s -> %s", name, orNone(was.Zone.String()), orNone(is.Zone.String()))
	}
	if was.Rate != is.Rate {
		fmt.Fprintf(b, " %s %s -> %s", name, rateText(was.Rate), rateText(is.Rate))
	}
}

func rateText(rate cycle.Maybe[int64]) string {
	if !rate.Known {
		return "-"
	}
	return fmt.Sprintf("%.1fM", float64(rate.Value)/1e6)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
