// Package doctor finds out whether all that a running service needs is there, and
// says what to do about what is not. It only looks: nothing is changed on the router
// or the disk.
//
//	configurations ──> subjects ──> tasks, side by side, each on a deadline ──> checks
package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"wanctl/configs"
	"wanctl/cycle"
)

// Status is how a check ended.
type Status uint8

// The statuses. Warn: it works, and could be better or will not last.
const (
	OK Status = iota
	Warn
	Fail
)

// String returns "ok", "warn" or "FAIL".
func (s Status) String() string { return [...]string{"ok", "warn", "FAIL"}[s] }

// MarshalText implements encoding.TextMarshaler in lower case.
func (s Status) MarshalText() ([]byte, error) { return []byte(strings.ToLower(s.String())), nil }

// Check is one thing that was looked at.
type Check struct {
	Status Status `json:"status"`
	About  string `json:"about"`          // a WAN's or a daemon's name; "system" for what is everyone's
	What   string `json:"what"`           // what was looked at
	Found  string `json:"found"`          // what was found
	Todo   string `json:"todo,omitempty"` // what to do
}

// Total bounds an examination.
const Total = 15 * time.Second

// Examiner looks at everything.
type Examiner struct {
	Configs []string                         // the configurations' paths
	Getenv  func(name string) (string, bool) // looks up ${NAME}
	Account Account                          // whom the service runs as
	Holder  func(lockFile string) (pid int)  // who holds a lock; 0: nobody
	Proc    string                           // where the kernel tells of processes: /proc
	Secrets string                           // the file that Getenv's secrets come from; "" for none

	hide concealer // of the configurations that were read
}

// task is a part of the examination that needs no other.
type task struct {
	about, what string
	within      time.Duration
	run         func(ctx context.Context) []Check
}

// Examine runs all checks side by side, and returns them in order: by
// configuration, then what is everyone's. No secret is in them.
func (e *Examiner) Examine(ctx context.Context) []Check {
	ctx, cancel := context.WithTimeout(ctx, Total)
	defer cancel()
	var checks []Check
	var tasks []task
	var subjects []*subject
	for _, path := range e.Configs {
		s, found := e.load(path)
		checks = append(checks, found...)
		if s != nil {
			e.hide.add(s.secret())
			subjects = append(subjects, s)
			tasks = append(tasks, e.tasksOf(s)...)
		}
	}
	tasks = append(tasks, e.portTasks(subjects)...)
	tasks = append(tasks, task{system, "files", fileTime, func(context.Context) []Check { return sharedFiles(subjects) }})
	tasks = append(tasks, e.everyones(subjects)...)
	for _, found := range together(ctx, tasks) {
		checks = append(checks, found...)
	}
	order := map[string]int{}
	for _, c := range checks {
		if _, known := order[c.About]; !known {
			order[c.About] = len(order)
		}
	}
	order[system] = len(order)
	slices.SortStableFunc(checks, func(a, b Check) int { return order[a.About] - order[b.About] })
	for i := range checks {
		checks[i] = e.hide.check(checks[i])
	}
	return checks
}

// system is what the checks are about that belong to no configuration.
const system = "system"

// together runs tasks side by side. One that does not end by its deadline, as a file
// system that hangs may keep it, is left behind and told as failed.
func together(ctx context.Context, tasks []task) [][]Check {
	found := make([][]Check, len(tasks))
	var all sync.WaitGroup
	for i, t := range tasks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, t.within)
			defer cancel()
			done := make(chan []Check, 1)
			go func() {
				var checks []Check
				err := cycle.Guard(func() error { checks = t.run(ctx); return nil })
				if err != nil {
					checks = append(checks, Check{Fail, t.about, t.what, err.Error(), "report this, it is a fault of wanctl's own"})
				}
				done <- checks
			}()
			select {
			case found[i] = <-done:
				return
			case <-ctx.Done():
			}
			select { // what ended by the same deadline has more to say
			case found[i] = <-done:
			case <-time.After(grace):
				found[i] = []Check{{Fail, t.about, t.what, fmt.Sprintf("no answer within %v", t.within), "look at it by hand; the other checks are not affected"}}
			}
		})
	}
	all.Wait()
	return found
}

// grace is how long a task may take to notice that its deadline has passed.
const grace = time.Second

// Count counts the checks of a status.
func Count(checks []Check, s Status) (n int) {
	for _, c := range checks {
		if c.Status == s {
			n++
		}
	}
	return n
}

// concealer takes secrets out of what is shown, should anything repeat one.
type concealer struct {
	foreign cycle.Concealer // out of what others say: all of them
	mixed   cycle.Concealer // out of checks, which are in our words: those that could not be one of these
}

func (h *concealer) add(s cycle.Secret) {
	h.foreign.Add(s)
	if !s.Ordinary() {
		h.mixed.Add(s)
	}
}

func (h *concealer) check(c Check) Check {
	c.Found, c.Todo = h.mixed.Hide(c.Found), h.mixed.Hide(c.Todo)
	return c
}

// name returns a name of another's, or that a secret is in it.
func (h *concealer) name(text string) string {
	if h.foreign.Hide(text) != text {
		return cycle.Secret(text).String()
	}
	return text
}

// findings turns what the loader found into checks.
func findings(about string, fs configs.Findings) (checks []Check) {
	for _, f := range fs.ForStart() {
		status := Fail
		if f.Warning {
			status = Warn
		}
		what := "configuration"
		if f.Key != "" {
			what = f.Key
		}
		checks = append(checks, Check{status, about, what, fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Wrong), f.Allowed})
	}
	return checks
}
