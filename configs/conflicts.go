package configs

import (
	"fmt"
	"path/filepath"
	"time"

	"wanctl/cycle"
)

// use is something that one WAN alone can have.
type use struct{ what, name string }

// Conflicts reports what keeps several WANs from being controlled side by side:
// the same name, lock file, state file or router queue twice, and one recording
// that is to be kept in two ways.
func Conflicts(wans ...*Autorate) (findings Findings) {
	const taken = "%q is taken by %s"
	first := map[use]string{}
	recording := map[string]*Autorate{}
	for _, a := range wans {
		router := a.Router.Host + " queue"
		told := map[string]bool{} // an equal lock file has an equal state file
		for _, u := range []struct {
			key, wrong string
			use
		}{
			{"wan_name", taken, use{"name", a.Daemon.WAN}},
			{"lock_file", taken, use{"lock file", filepath.Clean(a.Daemon.LockFile)}},
			{"lock_file", "stands for the state file %q, which is taken by %s", use{"state file", filepath.Clean(a.Daemon.StateFile())}},
			{"queues.download", taken, use{router, a.Daemon.DownloadQueue}},
			{"queues.upload", taken, use{router, a.Daemon.UploadQueue}},
		} {
			other, isTaken := first[u.use]
			switch {
			case !isTaken:
				first[u.use] = a.Path
			case !told[u.key]:
				told[u.key] = true
				findings = append(findings, a.conflict(u.key, fmt.Sprintf(u.wrong, u.name, other), "one of its own for each WAN"))
			}
		}
		if !a.Recorder.Enabled {
			continue
		}
		if path := filepath.Clean(a.Recorder.Path); recording[path] == nil {
			recording[path] = a
		} else {
			findings = append(findings, a.keptOtherwise(recording[path])...)
		}
	}
	return findings
}

// keptOtherwise reports where a recording that is another WAN's too is to be kept
// in another way.
func (a *Autorate) keptOtherwise(other *Autorate) (findings Findings) {
	theirs := other.Recorder.Settings()
	for i, s := range a.Recorder.Settings() {
		if mine, their := amount(s), amount(theirs[i]); mine != their {
			findings = append(findings, a.conflict(s.Key,
				fmt.Sprintf("is %s, but %s in %s, which records into the same file %s", mine, their, other.Path, printable(a.Recorder.Path)),
				"the same for all WANs of a file"))
		}
	}
	return findings
}

// conflict is a finding at a key, or at its section where the key is not there.
func (a *Autorate) conflict(key, wrong, allowed string) Finding {
	e, found := a.lines[key]
	if !found {
		e = sectionAbove(a.lines, key)
	}
	return Finding{File: a.Path, Line: max(1, e.line), Key: key, Wrong: wrong, Allowed: allowed}
}

// amount writes how long or how much a setting says, in its unit; "" for others.
func amount(s cycle.Setting) string {
	switch v := s.Into.(type) {
	case *time.Duration:
		return seconds(*v)
	case *int64:
		return quantity(float64(*v), s.Unit)
	}
	return ""
}
