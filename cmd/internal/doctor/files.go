package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"wanctl/cycle"
	"wanctl/cycle/state"
	"wanctl/migrations"
	"wanctl/store"
)

// fileTime bounds a check of files.
const fileTime = 5 * time.Second

// of makes a task's run of a check of one subject.
func (e *Examiner) of(s *subject, check func(*subject) []Check) func(context.Context) []Check {
	return func(context.Context) []Check { return check(s) }
}

// modes looks at who may read and write the configuration, which says where the
// password is sent. That a password in it can be read the loader tells.
func (e *Examiner) modes(s *subject) []Check {
	const what = "file modes"
	info, err := os.Stat(s.path)
	if err != nil {
		return []Check{{Fail, s.name, what, err.Error(), ""}}
	}
	if info.Mode().Perm()&0o022 != 0 {
		return []Check{{
			Warn, s.name, what, fmt.Sprintf("%s can be written by others (mode %04o): they could have the password sent elsewhere", s.path, info.Mode().Perm()),
			"chmod 640 " + s.path,
		}}
	}
	if err := e.Account.may(s.path, toRead); err != nil {
		return []Check{{Fail, s.name, what, err.Error(), cmp.Or(mend(err), "put it into a folder that the service's user may enter")}}
	}
	return []Check{{OK, s.name, what, fmt.Sprintf("%s: mode %04o, user %s can read it", s.path, info.Mode().Perm(), e.Account.Name), ""}}
}

// secretsFile looks at who may read the secrets; systemd reads them as root, so that
// even the service's own group need not. And it looks at what is most likely a slip.
func (e *Examiner) secretsFile() []Check {
	const what = "secrets file"
	info, err := os.Stat(e.Secrets)
	if err != nil {
		return []Check{{Fail, system, what, err.Error(), "write it with wanctl setup, or a line ROUTER_PASSWORD=... of mode 0600"}}
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o007 != 0:
		return []Check{{Fail, system, what, fmt.Sprintf("everyone on this machine can read %s (mode %04o)", e.Secrets, mode), "chmod 600 " + e.Secrets + ", and give the router's user another password"}}
	case mode&0o077 != 0:
		return []Check{{Warn, system, what, fmt.Sprintf("the group of %s can get at it (mode %04o); systemd reads it as root", e.Secrets, mode), "chmod 600 " + e.Secrets}}
	}
	text, err := secretsText(e.Secrets)
	if err != nil {
		return []Check{{Fail, system, what, err.Error(), ""}}
	}
	_, env, err := parseSecrets(text)
	switch {
	case err != nil:
		return []Check{{Fail, system, what, fmt.Sprintf("%s:%v", e.Secrets, err), "one NAME=value a line"}}
	case env.unclosed != 0:
		return []Check{{Warn, system, what, fmt.Sprintf("%s:%d: the quotes are not closed: all that follows belongs to the value", e.Secrets, env.unclosed), "close them in that line"}}
	case env.extended != 0:
		return []Check{{Warn, system, what, fmt.Sprintf("%s:%d: the comment ends in a backslash: systemd before 254 takes the next line for a part of it, as is done here", e.Secrets, env.extended), "take the backslash away"}}
	}
	return []Check{{OK, system, what, fmt.Sprintf("%s: mode %04o, of %s", e.Secrets, info.Mode().Perm(), owner(info)), ""}}
}

// lockFile tells who holds the lock of a WAN or a rule.
func (e *Examiner) lockFile(s *subject) []Check {
	const what = "lock"
	if pid := e.Holder(s.lock); pid != 0 {
		return []Check{e.heldLock(s, pid)}
	}
	if _, err := e.Account.mayMake(s.lock); err != nil {
		return []Check{unwritable(s, what, s.lock, err)}
	}
	return []Check{{OK, s.name, what, s.lock + " is free", ""}}
}

// heldLock tells whether the process that holds a lock is the one that should.
func (e *Examiner) heldLock(s *subject, pid int) Check {
	const what = "lock"
	command := e.command(pid)
	python, known := IsPython(e.Proc, pid)
	switch {
	case python:
		return Check{
			Warn, s.name, what, fmt.Sprintf("%s is held by the Python program, process %d: %s", s.lock, pid, command),
			"before wanctl takes over, stop it: wanctl doctor --from-python tells how",
		}
	case !known:
		return Check{
			Warn, s.name, what, fmt.Sprintf("%s is held by process %d, or one that the number does not stand for here: %s", s.lock, pid, command),
			"look as root; a daemon in a container has a number of its own there",
		}
	case !e.startedWith(pid, s.path):
		return Check{
			Warn, s.name, what, fmt.Sprintf("%s is held, and process %d, whose number is in it, runs without %s: %s", s.lock, pid, s.path, command),
			"where that is a daemon of another configuration, give each a lock_file of its own",
		}
	}
	return Check{OK, s.name, what, fmt.Sprintf("%s is held by process %d: %s", s.lock, pid, command), ""}
}

// unwritable says what to do about a file that the service could not use: whether the
// file or a folder is in the way the error tells. What lies in /run, /var/lib and
// /var/log its unit makes.
func unwritable(s *subject, what, path string, err error) Check {
	status, todo := Fail, cmp.Or(mend(err), "name one in a folder of the service's user instead of "+path)
	for _, made := range []string{"/run/wanctl/", "/var/lib/wanctl/", "/var/log/wanctl/"} {
		if strings.HasPrefix(path, made) {
			if _, missing := os.Stat(made); missing != nil {
				status, todo = Warn, "the service's unit makes that folder when it starts; by hand: install -d -o wanctl "+made
			}
		}
	}
	return Check{status, s.name, what, err.Error(), todo}
}

// stateFiles looks at the files that the laws go on from.
func (e *Examiner) stateFiles(s *subject) (checks []Check) {
	for _, path := range s.states {
		there, err := e.Account.mayReplace(path)
		switch {
		case err != nil:
			checks = append(checks, unwritable(s, "state", path, err))
		case !there:
			checks = append(checks, Check{OK, s.name, "state", path + " is not there yet: a fresh start", ""})
		default:
			checks = append(checks, readState(s, "state", path))
		}
	}
	if s.baseline == "" {
		return checks
	}
	if _, err := os.Stat(s.baseline); errors.Is(err, fs.ErrNotExist) {
		return append(checks, Check{
			Warn, s.name, "baseline", s.baseline + " is not there: steering waits for it",
			"start autorate for the primary WAN, and see that cake_state_sources.primary is beside its lock_file",
		})
	}
	if err := e.Account.may(s.baseline, toRead); err != nil {
		return append(checks, Check{Fail, s.name, "baseline", err.Error(), cmp.Or(mend(err), "run both daemons as the same user")})
	}
	return append(checks, readState(s, "baseline", s.baseline))
}

// readState tells what a state file holds, as far as it is the same for both daemons.
func readState(s *subject, what, path string) Check {
	text, err := state.File{Path: path}.Load()
	if err != nil {
		return Check{Warn, s.name, what, err.Error(), ""}
	}
	var v struct {
		EWMA struct {
			Baseline cycle.Maybe[float64] `json:"baseline_rtt"`
		} `json:"ewma"`
		Baseline cycle.Maybe[float64] `json:"baseline_rtt"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return Check{Warn, s.name, what, fmt.Sprintf("%s is not understood: %v", path, err), "the daemon starts afresh, and keeps this file aside as .corrupt"}
	}
	baseline := v.EWMA.Baseline
	if !baseline.Known {
		baseline = v.Baseline
	}
	if !baseline.Known {
		return Check{OK, s.name, what, path + " is understood; no baseline is in it yet", ""}
	}
	return Check{OK, s.name, what, fmt.Sprintf("%s is understood: baseline %.4g ms", path, baseline.Value), ""}
}

// logFiles tells whether the logs can be written; without them stderr has it alone.
func (e *Examiner) logFiles(s *subject) []Check {
	for _, path := range s.logs {
		if _, err := e.Account.mayMake(path); err != nil {
			c := unwritable(s, "log", path, err)
			c.Status = Warn // stderr has it all
			c.Todo += "; until then the log goes to stderr alone"
			return []Check{c}
		}
	}
	return []Check{{OK, s.name, "log", fmt.Sprintf("user %s can write %s", e.Account.Name, strings.Join(s.logs, " and ")), ""}}
}

// recording looks at a file that daemons record into.
func (e *Examiner) recording(cfg store.Config) func(context.Context) []Check {
	const what = "recording"
	return func(ctx context.Context) []Check {
		there, err := e.Account.mayOpenDatabase(cfg.Path)
		if err != nil {
			c := unwritable(&subject{name: system}, what, cfg.Path, err)
			c.Todo += " (recorder.path)"
			return []Check{c}
		}
		if !there {
			return []Check{{OK, system, what, cfg.Path + " is not there yet: the first flush makes it", ""}}
		}
		findings, err := store.Inspect(ctx, cfg.Path)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return []Check{{Warn, system, what, cfg.Path + " opens; it is too large to be looked through here", "wanctl db check --db " + cfg.Path}}
		case errors.Is(err, store.ErrForeign), errors.Is(err, store.ErrNewer):
			return []Check{{Fail, system, what, err.Error(), "name another file in recorder.path"}}
		case errors.Is(err, store.ErrOlder):
			return []Check{{OK, system, what, err.Error(), ""}}
		case err != nil:
			return []Check{{Fail, system, what, err.Error(), "move it away: the daemons begin a new one"}}
		case len(findings) > 0:
			return []Check{{Fail, system, what, fmt.Sprintf("%s is damaged: %s", cfg.Path, strings.Join(findings, "; ")), "the daemons set it aside at their next start; what can still be read of it: sqlite3 FILE .recover"}}
		}
		info, err := os.Stat(cfg.Path)
		if err != nil {
			return []Check{{Fail, system, what, err.Error(), ""}}
		}
		return []Check{{OK, system, what, fmt.Sprintf("%s is whole: schema %d, %s, of %s", cfg.Path, migrations.Newest(), humanize.IBytes(uint64(info.Size())), owner(info)), ""}}
	}
}
