package configs

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// declared is every key that the parts of a configuration know.
type declared struct {
	order    []cycle.Setting
	settings map[string]*cycle.Setting // by key and by former key
	sections map[string]bool           // what has keys below it
}

func declare(parts []cycle.Configurable) *declared {
	d := &declared{settings: map[string]*cycle.Setting{}, sections: map[string]bool{}}
	for _, p := range parts {
		d.order = append(d.order, p.Settings()...)
	}
	for i := range d.order {
		s := &d.order[i]
		for _, key := range []string{s.Key, s.Former} {
			if key == "" {
				continue
			}
			d.settings[key] = s
			for j := strings.LastIndexByte(key, '.'); j > 0; j = strings.LastIndexByte(key[:j], '.') {
				d.sections[key[:j]] = true
			}
		}
		if s.Into == nil {
			d.sections[s.Key] = true
		}
	}
	return d
}

// reading is one file being read into its parts.
type reading struct {
	tree
	getenv func(string) (string, bool)
	failed map[string]bool // declared keys whose values are not known for sure
}

// read reads a file's text into the parts, whose rules are then asked in order.
func read(name string, text []byte, getenv func(string) (string, bool), daemon cycle.Daemon, parts ...cycle.Configurable) (*reading, Findings) {
	r := &reading{
		tree:   tree{name: name, lines: 1 + strings.Count(string(text), "\n"), keys: map[string]entry{}},
		getenv: getenv, failed: map[string]bool{},
	}
	root, bad := parse(name, text)
	if bad != nil {
		return r, Findings{*bad}
	}
	if kind, err := kindOf(root); err == nil && kind != daemon {
		r.report(Finding{Line: root.Line, Wrong: fmt.Sprintf("is a configuration for %s, not for %s", kind, daemon), Allowed: fmt.Sprintf("use it with: wanctl %s", kind)})
		return r, r.findings
	}
	d := declare(parts)
	r.check(root, "")
	r.gather(root, "", d, false)
	if r.visits > maxVisits {
		r.findings = nil // of one file's many echoes
		r.report(Finding{Line: root.Line, Wrong: "stands for too many keys, once its anchors are followed", Allowed: fmt.Sprintf("at most %d", maxVisits)})
		return r, r.findings
	}
	for _, s := range d.order {
		r.setting(s)
	}
	for _, p := range parts {
		for _, problem := range p.Problems() {
			r.problem(problem)
		}
	}
	r.excuse(parts)
	slices.SortStableFunc(r.findings, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return r, r.findings
}

// setting reads one declared key.
func (r *reading) setting(s cycle.Setting) {
	key := s.Key
	e, found := r.keys[key]
	if !found && s.Former != "" {
		if e, found = r.keys[s.Former]; found {
			key = s.Former
			r.report(Finding{Line: e.line, Key: key, Wrong: "is the key's old name", Allowed: "write " + s.Key, Warning: true})
		}
	}
	switch {
	case s.Ignored:
		if found {
			_, _ = r.assign(s, e.value)
		}
	case !found && s.Required:
		section := r.section(s.Key)
		if section.value == nil && section.line > 0 {
			r.failed[s.Key] = true // its section is none, which has been said
			return
		}
		r.fail(Finding{Line: max(1, section.line), Key: s.Key, Wrong: "is missing", Allowed: allowed(s)}, s)
	case !found:
	case s.Into == nil: // a section, and it is there
	default:
		note, bad := r.assign(s, e.value)
		for _, wrong := range bad {
			if wrong.what == "" {
				r.failed[s.Key] = true
				continue
			}
			line := cmp.Or(wrong.line, e.line)
			r.fail(Finding{Line: line, Key: key, Wrong: wrong.what, Allowed: wrong.allowed, Warning: wrong.unset, Unset: wrong.unset}, s)
		}
		if note != "" {
			r.report(Finding{Line: e.line, Key: key, Wrong: note, Warning: true})
		}
	}
}

func (r *reading) fail(f Finding, s cycle.Setting) {
	r.failed[s.Key] = true
	r.report(f)
}

// problem reports what a part's rules found, unless it speaks of a key that could
// not be read: that has been said.
func (r *reading) problem(p cycle.Problem) {
	for _, key := range append(p.With, p.Key) {
		if r.failed[key] {
			return
		}
	}
	e, found := r.keys[p.Key]
	if !found {
		e = r.section(p.Key)
	}
	r.report(Finding{Line: e.line, Key: p.Key, Wrong: p.Wrong, Allowed: p.Allowed, Warning: p.Warning})
}

// excuse lets a variable be unset where nothing needs the key it is for.
func (r *reading) excuse(parts []cycle.Configurable) {
	for i, f := range r.findings {
		for _, p := range parts {
			if part, ok := p.(interface{ Needs(key string) bool }); ok && f.Unset && !part.Needs(f.Key) {
				r.findings[i].Unset = false
			}
		}
	}
}

// section returns the nearest section above a key that is there; without one, its
// line is 0.
func (r *reading) section(key string) entry { return sectionAbove(r.keys, key) }

// sectionAbove is section among the keys of a file.
func sectionAbove(keys map[string]entry, key string) entry {
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if e, found := keys[key[:i]]; found {
			return e
		}
	}
	return entry{}
}

// suggest names the known key nearest to an unknown one; "" if none is near. What
// has keys below it is most likely a section.
func (d *declared) suggest(unknown string, section bool) string {
	last := unknown[strings.LastIndexByte(unknown, '.')+1:]
	best, least := "", 1+max(2, len(last)/3)
	for _, key := range d.names(section) {
		if key[strings.LastIndexByte(key, '.')+1:] == last && best == "" {
			best = key // the right word in the wrong section
		}
		if n := distance(unknown, key, least); n < least {
			best, least = key, n
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// names returns the known keys; the sections too, and first, where they are wanted.
func (d *declared) names(sections bool) (names []string) {
	if sections {
		names = slices.Sorted(maps.Keys(d.sections))
	}
	for _, s := range d.order {
		names = append(names, s.Key)
	}
	return names
}

// distance is how many letters must be put in, taken out or changed to make b of
// a; most, where it is that many or more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], most)
}

// kindOf tells which daemon a configuration is for, by the sections it has.
func kindOf(root *yaml.Node) (cycle.Daemon, error) {
	found := map[cycle.Daemon]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "continuous_monitoring", "queues":
			found[cycle.Autorate] = true
		case "topology", "mangle_rule", "cake_queues", "measurement":
			found[cycle.Steering] = true
		}
	}
	switch {
	case found[cycle.Autorate] && found[cycle.Steering]:
		return "", fmt.Errorf("has sections of both daemons (continuous_monitoring, queues are autorate's; topology, mangle_rule, measurement are steering's)")
	case found[cycle.Autorate]:
		return cycle.Autorate, nil
	case found[cycle.Steering]:
		return cycle.Steering, nil
	}
	return "", fmt.Errorf("is neither an autorate nor a steering configuration (they have the sections continuous_monitoring or topology)")
}
