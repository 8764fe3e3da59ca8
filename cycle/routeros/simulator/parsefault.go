package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads a fault as the command line has it: its kind and, after a
// colon, what else is to be said, in any order and separated by commas.
//
//	delay:20ms                          every command takes 20 ms longer
//	delay:20ms,jitter=5ms,rest          20 to 25 ms, over REST only
//	lost-reply:/queue/tree/set,count=1  the next write is applied, its reply lost
//	refuse:/login,p=0.5                 every other login is refused, by chance
//	refuse:/queue/tree/set,text=failure: busy
//
// The words are a transport, a command (a path, or /connect, /login, /channel),
// a duration (the delay), and count=N, after=N, every=N, p=P, jitter=D,
// status=N and, to the end of the line, text=T.
func ParseFault(s string) (f Fault, err error) {
	kind, rest, _ := strings.Cut(s, ":")
	f.Kind = Kind(kind)
	for rest != "" {
		if text, ok := strings.CutPrefix(rest, "text="); ok {
			f.Text = text
			break
		}
		var word string
		word, rest, _ = strings.Cut(rest, ",")
		if err := f.word(word); err != nil {
			return f, fmt.Errorf("fault %q: %w", s, err)
		}
	}
	return f, f.check()
}

// word takes one of the words after the colon.
func (f *Fault) word(w string) (err error) {
	key, value, ok := strings.Cut(w, "=")
	if !ok {
		switch t := Transport(w); {
		case t == REST || t == API || t == SSH:
			f.Transport = t
		case strings.HasPrefix(w, "/"):
			f.Command = w
		default:
			if f.Delay, err = time.ParseDuration(w); err != nil {
				return fmt.Errorf("%q is no transport, no /command, no duration and no key=value", w)
			}
		}
		return nil
	}
	switch key {
	case "count":
		f.Count, err = strconv.Atoi(value)
	case "after":
		f.After, err = strconv.Atoi(value)
	case "every":
		f.Every, err = strconv.Atoi(value)
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "jitter":
		f.Jitter, err = time.ParseDuration(value)
	case "p":
		f.Probability, err = strconv.ParseFloat(value, 64)
	default:
		return fmt.Errorf("there is no %q (there are count, after, every, p, jitter, status, text)", key)
	}
	if err != nil {
		return fmt.Errorf("%s=%q is no number or duration", key, value)
	}
	return nil
}
