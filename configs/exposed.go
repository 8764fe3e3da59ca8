package configs

import (
	"io/fs"
	"strings"

	"wanctl/cycle"
)

// othersRead is the mode bit by which everyone on the machine may read a file.
const othersRead fs.FileMode = 0o004

// exposed warns of secrets that are written out in a file that everyone on the
// machine may read. A reference to the environment gives nothing away.
func (r *reading) exposed(mode fs.FileMode, parts []cycle.Configurable) (findings Findings) {
	if mode&othersRead == 0 {
		return nil
	}
	for _, s := range declare(parts).order {
		switch s.Into.(type) {
		case *cycle.Secret, *cycle.Maybe[cycle.Secret]:
		default:
			continue
		}
		e, found := r.keys[s.Key]
		if !found || e.value == nil || e.value.Value == "" {
			continue
		}
		if _, names, _ := expand(e.value.Value, r.getenv); len(names) == 0 {
			findings = append(findings, Finding{
				File: r.name, Line: e.line, Key: s.Key, Warning: true,
				Wrong:   "is written out in a file that everyone on this machine can read",
				Allowed: "chmod 640 " + printable(r.name) + ", or keep it in the environment: ${ROUTER_PASSWORD}",
			})
		}
	}
	return findings
}

// Inert is a key of a file that decides nothing.
type Inert struct {
	Key  string
	Line int
	Why  string // the key's documentation
}

// Inert returns the keys of the file that are accepted for the Python program's
// sake and decide nothing.
func (a *Autorate) Inert() []Inert { return inert(a.parts(), a.lines) }

// Inert returns the keys of the file that decide nothing, as for Autorate.
func (c *Steering) Inert() []Inert { return inert(c.parts(), c.lines) }

func inert(parts []cycle.Configurable, lines map[string]entry) (keys []Inert) {
	for _, s := range declare(parts).order {
		if e, found := lines[s.Key]; found && (s.Ignored || strings.HasPrefix(s.Doc, "Decides nothing")) {
			keys = append(keys, Inert{s.Key, e.line, s.Doc})
		}
	}
	return keys
}
