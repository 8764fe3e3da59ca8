package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults. "Run" means that the command takes effect.
const (
	// Before and after the command.
	Delay     Kind = "delay"      // run at once, answered after Delay (plus up to Jitter); on Connect: a slow TLS handshake or greeting
	Late      Kind = "late"       // run only after Delay, then answered
	Hang      Kind = "hang"       // not run; the connection stays open and is silent from here on
	Mute      Kind = "mute"       // run; the connection stays open and is silent from here on
	Close     Kind = "close"      // not run; the connection is closed instead
	LostReply Kind = "lost-reply" // run; the connection is closed instead of a reply
	Reset     Kind = "reset"      // not run; the connection is reset (RST)
	Reboot    Kind = "reboot"     // not run; the router reboots, and is down for Delay
	RebootRun Kind = "reboot-run" // run; then the router reboots, and is down for Delay

	// On the wire, with the command run.
	HalfOpen Kind = "half-open" // half of the reply, then silence
	Cut      Kind = "cut"       // half of the reply, then the connection is closed
	CutReset Kind = "cut-reset" // half of the reply, then RST
	Drip     Kind = "drip"      // the reply byte by byte, Delay between bytes
	OneShot  Kind = "one-shot"  // a good reply, then the connection is closed without a word
	Garbage  Kind = "garbage"   // random bytes instead of a reply

	// What the router says.
	Refuse  Kind = "refuse"  // not run; the error Text (REST: with Status); on Connect: RST at once; on Login: wrong password
	Ignore  Kind = "ignore"  // a write is answered as done and not run
	Applied Kind = "applied" // run, and answered with the error Text all the same
	Partial Kind = "partial" // print: some rows, then the error Text
	Empty   Kind = "empty"   // print: no rows, whatever is there
	Full    Kind = "full"    // no more sessions: closed after connecting

	// REST.
	Truncate Kind = "truncate" // a well-framed body whose JSON ends in the middle
	HTML     Kind = "html"     // an HTML page with Status
	Control  Kind = "control"  // raw control bytes inside the JSON's strings
	Wrong    Kind = "wrong"    // the object of another menu
	Numbers  Kind = "numbers"  // numbers as JSON numbers, not as strings

	// API.
	Fatal      Kind = "fatal"      // "!fatal", its reason Text a bare word, then a close
	Interleave Kind = "interleave" // a tagged reply waits for the next and is mixed with it

	// SSH.
	NoExit   Kind = "no-exit"   // no exit status, and the channel stays open
	ExitCode Kind = "exit-code" // the exit status is Status
	Channel  Kind = "channel"   // the session channel is refused
	Prompt   Kind = "prompt"    // the question for a new password (as of an expired one) instead of the command's output
)

// Commands that stand for what happens before there is one.
const (
	Connect = "/connect" // a connection was accepted
	Login   = "/login"   // somebody logs in
	Open    = "/channel" // SSH: a channel is opened
)

// anywhere are the kinds that every transport knows; the others belong to one.
var anywhere = []Kind{
	Delay, Late, Hang, Mute, Close, LostReply, Reset, Reboot, RebootRun, HalfOpen, Cut, CutReset, Drip, OneShot,
	Garbage, Refuse, Ignore, Applied, Partial, Empty, Full,
}

var kindsOf = map[Transport][]Kind{
	REST: {Truncate, HTML, Control, Wrong, Numbers},
	API:  {Fatal, Interleave},
	SSH:  {NoExit, ExitCode, Channel, Prompt},
}

// early are the kinds that make sense before there is a command.
var early = map[string][]Kind{
	Connect: {Delay, Hang, Close, Reset, Refuse, Full, Garbage},
	Login:   {Delay, Hang, Close, Reset, Refuse, Fatal},
	Open:    {Delay, Hang, Close, Reset, Channel},
}

// Fault is something that goes wrong, and when.
type Fault struct {
	Kind      Kind
	Transport Transport // "" for any
	Command   string    // Connect, Login, Open, or the beginning of a path such as "/queue/tree/set"; "" for every command, but not for those three

	After       int     // the first matches that are spared
	Every       int     // of the matches that follow only each N-th; 0 and 1: all
	Count       int     // how often it strikes; 0: until it is removed
	Probability float64 // in (0, 1]; 0: always

	Delay  time.Duration
	Jitter time.Duration // up to so much more than Delay, evenly spread
	Text   string        // an error's text; each kind has a default
	Status int           // an HTTP or exit status; each kind has a default
}

// check reports a fault that could never strike.
func (f Fault) check() error {
	known := slices.Contains(anywhere, f.Kind)
	for t, kinds := range kindsOf {
		if slices.Contains(kinds, f.Kind) {
			if f.Transport != "" && f.Transport != t {
				return fmt.Errorf("fault %q belongs to %s, not to %s", f.Kind, t, f.Transport)
			}
			known = true
		}
	}
	switch {
	case !known:
		return fmt.Errorf("there is no fault %q (there are %s)", f.Kind, strings.Join(Kinds(), ", "))
	case early[f.Command] != nil && !slices.Contains(early[f.Command], f.Kind):
		return fmt.Errorf("fault %q does not strike at %s (%v do)", f.Kind, f.Command, early[f.Command])
	case f.Probability < 0 || f.Probability > 1:
		return fmt.Errorf("fault %q: probability %v is not in [0, 1]", f.Kind, f.Probability)
	case f.After < 0 || f.Every < 0 || f.Count < 0 || f.Delay < 0 || f.Jitter < 0:
		return fmt.Errorf("fault %q: a number is negative", f.Kind)
	case f.Command != "" && !strings.HasPrefix(f.Command, "/"):
		return fmt.Errorf("fault %q: the command %q does not begin with a slash", f.Kind, f.Command)
	case (f.Kind == Delay || f.Kind == Late) && f.Delay == 0 && f.Jitter == 0:
		return fmt.Errorf("fault %q wants to be told how long", f.Kind)
	}
	return nil
}

// Kinds lists the names of all faults.
func Kinds() (names []string) {
	for _, k := range slices.Concat(anywhere, kindsOf[REST], kindsOf[API], kindsOf[SSH]) {
		names = append(names, string(k))
	}
	return names
}

// matches tells whether a command is of those that the fault is about.
func (f *Fault) matches(t Transport, command string) bool {
	if f.Transport != "" && f.Transport != t {
		return false
	}
	for of, kinds := range kindsOf {
		if of != t && slices.Contains(kinds, f.Kind) {
			return false
		}
	}
	if f.Kind == Channel {
		return command == Open
	}
	if early[command] != nil {
		return f.Command == command
	}
	return strings.HasPrefix(command, f.Command)
}

// faults are those in force.
type faults struct {
	mu    sync.Mutex
	rand  *rand.Rand
	rules []*scheduled
}

// scheduled is a fault and how often it was asked about.
type scheduled struct {
	Fault
	seen, struck int
}

// inject puts a fault in force until remove is called.
func (fs *faults) inject(f Fault) (remove func()) {
	s := &scheduled{Fault: f}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.rules = append(fs.rules, s)
	return func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		fs.rules = slices.DeleteFunc(fs.rules, func(o *scheduled) bool { return o == s })
	}
}

// strike returns the faults that meet a request, which is of one command or of
// several.
func (fs *faults) strike(t Transport, commands ...string) plan {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	p := plan{}
	for _, s := range fs.rules {
		if !slices.ContainsFunc(commands, func(c string) bool { return s.matches(t, c) }) || s.Count > 0 && s.struck >= s.Count {
			continue
		}
		s.seen++
		at := s.seen - s.After
		if at <= 0 || s.Every > 1 && at%s.Every != 0 || s.Probability > 0 && fs.rand.Float64() >= s.Probability {
			continue
		}
		s.struck++
		f := s.Fault
		if f.Jitter > 0 {
			f.Delay += time.Duration(fs.rand.Int64N(int64(f.Jitter) + 1))
		}
		p = append(p, f)
	}
	return p
}

// plan is what goes wrong with one command.
type plan []Fault

// of returns the first fault of one of the kinds; nil if none strikes.
func (p plan) of(kinds ...Kind) *Fault {
	for i := range p {
		if slices.Contains(kinds, p[i].Kind) {
			return &p[i]
		}
	}
	return nil
}

// about returns what of a request's plan is about one of its commands.
func (p plan) about(command string) plan {
	return slices.DeleteFunc(slices.Clone(p), func(f Fault) bool { return !strings.HasPrefix(command, f.Command) })
}

// without returns the plan less a kind.
func (p plan) without(k Kind) plan {
	return slices.DeleteFunc(slices.Clone(p), func(f Fault) bool { return f.Kind == k })
}

// wait is how long all faults of a kind hold the command up.
func (p plan) wait(k Kind) (d time.Duration) {
	for i := range p {
		if p[i].Kind == k {
			d += p[i].Delay
		}
	}
	return d
}
