package report

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// ErrNothing says that there was no cycle to lay out. Nothing was written.
var ErrNothing = errors.New("nothing recorded")

// Nothing returns the error that says, for people, that nothing was recorded in a
// window, and when something was: newest is the time of the newest record, zero if
// there is none. It wraps ErrNothing.
func Nothing(w cycle.Window, o analyze.Options, newest time.Time, shown Options) error {
	of := ""
	if o.Daemon != "" {
		of += fmt.Sprintf(" of %s", o.Daemon)
	}
	if o.WAN != "" {
		of += fmt.Sprintf(" of WAN %q", o.WAN)
	}
	next := "there are no records at all: is recorder.path of the daemons this file?"
	if !newest.IsZero() {
		next = fmt.Sprintf("the newest record is of %s: use --since and --until to reach it", shown.clock(newest))
	}
	return fmt.Errorf("%w%s in %s from %s to %s; %s", ErrNothing, of, strings.Join(shown.Databases, ", "), shown.clock(w.Since), shown.clock(w.Until), next)
}
