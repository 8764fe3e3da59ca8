package analyze

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"wanctl/cycle"
)

// defaultFlush is how long cycles wait before they are in the file, where the run
// does not tell.
const defaultFlush = time.Minute

// settle is what a flush may take, and come late by.
const settle = 10 * time.Second

// patience is how long after a loop's newest cycle nothing need be on record: what
// came since may not be in the file yet.
func patience(r *cycle.Run) time.Duration { return flushOf(r) + leastCycles*r.Budget + settle }

// flushOf returns how long a run's cycles wait before they are in the file.
func flushOf(r *cycle.Run) time.Duration {
	var settings struct {
		Recorder struct {
			FlushInterval float64 `json:"flush_interval"` // s
		} `json:"recorder"`
	}
	if err := json.Unmarshal([]byte(r.Config), &settings); err != nil || settings.Recorder.FlushInterval <= 0 {
		return defaultFlush
	}
	return time.Duration(settings.Recorder.FlushInterval * float64(time.Second))
}

// findNewest finds the newest cycle of loops of which a minute or an hour was the
// last that was read: it reads the cycles of that one.
func findNewest(ctx context.Context, ls []Loop, ts *tallies, sources []Source) error {
	for i := range ls {
		l := &ls[i]
		last := ts.total(l).last
		if !l.Newest.Before(last.Until) {
			continue
		}
		l.Newest = last.Until
		for c, err := range Cycles(ctx, last, Options{Daemon: l.Daemon, WAN: l.WAN}, sources...) {
			if err != nil {
				return err
			}
			l.Newest = c.Start
		}
	}
	return nil
}

// findSilence tells of the loops of which the end of the window has nothing, though
// it should. A file does not tell whether a daemon was stopped or died. A moment yet
// to come has nothing of any loop.
func findSilence(ls []Loop, w cycle.Window, o *Options, about *about) (warnings []string) {
	end := w.Until
	if !o.Now.IsZero() && o.Now.Before(end) {
		end = o.Now
	}
	for i := range ls {
		l := &ls[i]
		r := about.latest[loopKey{l.Daemon, l.WAN}]
		if l.Newest.IsZero() || r == nil || o.Keep != nil {
			continue
		}
		l.Patience = patience(r)
		if silent := end.Sub(l.Newest); silent > l.Patience {
			l.Silent = silent
			warnings = append(warnings, fmt.Sprintf("%s: nothing on record since %s (%s)",
				l.String(), l.Newest.UTC().Format(time.RFC3339), roughly(silent)))
		}
	}
	return warnings
}

// roughly shows a length of time to the second, a longer one to the minute.
func roughly(d time.Duration) string {
	if d < 10*time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
