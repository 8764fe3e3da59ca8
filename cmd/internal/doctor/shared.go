package doctor

import (
	"fmt"
	"path/filepath"
)

// sharedFiles tells which files several configurations name that want one each. A
// configuration that is given twice shares nothing with itself.
func sharedFiles(subjects []*subject) (checks []Check) {
	for i, s := range subjects {
		for _, other := range subjects[:i] {
			if place(s.path) != place(other.path) {
				checks = append(checks, s.shares(other)...)
			}
		}
	}
	return checks
}

// shares tells which files a configuration has in common with another.
func (s *subject) shares(other *subject) (checks []Check) {
	tell := func(status Status, what, path, why, todo string) {
		checks = append(checks, Check{status, s.name, what, fmt.Sprintf("%s is also named by %s: %s", path, other.path, why), todo})
	}
	if place(s.lock) == place(other.lock) {
		tell(Fail, "lock", s.lock, "only one of the two can run", "give each a lock_file of its own; by default it is named after wan_name")
	}
	for _, path := range s.states {
		for _, theirs := range other.states {
			if place(path) == place(theirs) {
				tell(Fail, "state", path, "each overwrites what the other goes on from", "autorate's is named after its lock_file, steering's by state.file: let them differ")
			}
		}
	}
	if log := s.logs[0]; log != "" && place(log) == place(other.logs[0]) {
		tell(Warn, "log", log, "the lines of both stand in it", "logging.main_log, unless that is meant")
	}
	return checks
}

// place is where a path leads, whatever names it goes by, as far as there is something.
func place(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	if there, err := filepath.EvalSymlinks(path); err == nil {
		return there
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}
