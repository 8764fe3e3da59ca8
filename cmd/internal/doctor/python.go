package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"wanctl/configs"
	"wanctl/cycle"
)

// Move is the way from the Python program to this one on a machine: what there is of
// it, and the steps over and back.
type Move struct {
	Checks []Check
	Steps  []Step
}

// Step is one step of the way, with what to type.
type Step struct {
	Title    string   `json:"title"`
	Why      string   `json:"why,omitempty"`
	Commands []string `json:"commands"`
}

// pythonConfigs is where the Python program has its configurations.
const pythonConfigs = "/etc/wanctl/*.yaml"

// FromPython looks at the configurations, at the files they name, and at what of the
// Python program runs or will be started. It reads, and changes nothing.
func (e *Examiner) FromPython() (m Move, err error) {
	paths := e.Configs
	if len(paths) == 0 {
		if paths, err = filepath.Glob(pythonConfigs); err != nil {
			return m, err
		}
	}
	if len(paths) == 0 {
		return m, fmt.Errorf("no configuration in %s: name them with --config", pythonConfigs)
	}
	var subjects []*subject
	for _, path := range paths {
		s, checks := e.readPython(path)
		m.Checks = append(m.Checks, checks...)
		if s != nil {
			subjects = append(subjects, s)
		}
	}
	running := e.running()
	units := e.units()
	for _, r := range running {
		m.Checks = append(m.Checks, Check{Warn, system, "running", r, "stop it before wanctl writes to the router: two that write undo each other's work"})
	}
	for _, u := range units {
		m.Checks = append(m.Checks, Check{Warn, system, "unit", u, "disable it before wanctl takes over"})
	}
	if len(running)+len(units) == 0 {
		m.Checks = append(m.Checks, Check{OK, system, "running", "nothing of the Python program runs, and no unit of it is there", ""})
	}
	for i := range m.Checks {
		m.Checks[i] = e.hide.check(m.Checks[i])
	}
	m.Steps = steps(subjects, units)
	return m, nil
}

// readPython tells what becomes of one configuration.
func (e *Examiner) readPython(path string) (s *subject, checks []Check) {
	about := filepath.Base(path)
	say := func(status Status, what, found, todo string) {
		checks = append(checks, Check{status, about, what, found, todo})
	}
	daemon, err := configs.Kind(path)
	if err != nil {
		say(Warn, "configuration", err.Error(), "if it is neither autorate's nor steering's, leave it out")
		return nil, checks
	}
	var found configs.Findings
	var inert []configs.Inert
	if daemon == cycle.Steering {
		var c *configs.Steering
		if c, found = configs.LoadSteering(path, e.Getenv); c != nil {
			s, inert = ofSteering(c), c.Inert()
		}
	} else {
		var c *configs.Autorate
		if c, found = configs.LoadAutorate(path, e.Getenv); c != nil {
			s, inert = ofAutorate(c), c.Inert()
			if !c.Daemon.Enabled {
				say(Warn, "changes", "continuous_monitoring.enabled is false, which is obeyed here: this WAN would be left alone", "set it to true to go on as before")
			}
		}
	}
	if s == nil {
		say(Fail, "configuration", "the Python program takes it, wanctl refuses it:", "put right what is told below")
		return nil, append(checks, findings(about, found.Errors())...)
	}
	s.lacks(found)
	e.hide.add(s.secret())
	about = s.name
	say(OK, "configuration", string(daemon)+", read as it is: "+path, "")
	for _, f := range found.Warnings() {
		say(Warn, f.Key, fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Wrong), f.Allowed)
	}
	for _, k := range inert {
		say(OK, "ignored", fmt.Sprintf("%s (line %d): %s", k.Key, k.Line, strings.ReplaceAll(k.Why, "`", "")), "")
	}
	if daemon == cycle.Steering {
		say(OK, "changes", "a daemon that stays, not a process every two seconds; drops are new drops, also in its first cycle", "")
		if s.router.Transport == "rest" {
			say(OK, "changes", "over REST the rule is switched, which the Python program never did", "")
		}
	}
	if s.router.Transport == "ssh" {
		say(OK, "changes", "the router's host key must be known: router.known_hosts, or that of the user", "")
	}
	checks = append(checks, e.modes(s)...)
	s.mends = append(s.mends, mend(e.Account.may(s.path, toRead)))
	lacks := func(status Status, what, path string, err error) {
		c := unwritable(s, what, path, err)
		c.Status = min(c.Status, status)
		checks, s.mends = append(checks, c), append(s.mends, mend(err))
	}
	if s.recorder.Enabled {
		say(OK, "changes", fmt.Sprintf("every cycle goes on record in %s, at most %s (recorder.enabled: false turns it off)", s.recorder.Path, humanize.IBytes(uint64(s.recorder.MaxSize))), "")
		if _, err := e.Account.mayOpenDatabase(s.recorder.Path); err != nil {
			lacks(Fail, "recording", s.recorder.Path, err)
		}
	}
	for _, path := range s.states {
		there, err := e.Account.mayReplace(path)
		if err != nil {
			lacks(Fail, "state", path, err)
		}
		if there {
			checks = append(checks, readState(s, "state", path))
		} else if err == nil {
			say(OK, "state", path+" is not there: a fresh start", "")
		}
	}
	if pid := e.Holder(s.lock); pid != 0 {
		say(Warn, "lock", fmt.Sprintf("%s is held by process %d: %s", s.lock, pid, e.command(pid)), "a dry run needs no lock; to take over, stop that process first")
	} else if _, err := e.Account.mayMake(s.lock); err != nil {
		lacks(Fail, "lock", s.lock, err)
	} else {
		say(OK, "lock", s.lock+" is free", "")
	}
	for _, path := range s.logs {
		if _, err := e.Account.mayMake(path); err != nil {
			lacks(Warn, "log", path, err) // stderr has it all
		}
		checks = append(checks, readLog(s, path))
	}
	return s, checks
}

// glimpse bounds what is read of a log.
const glimpse = 1 << 20

// readLog tells whether a log can be imported: it can if timings are in it.
func readLog(s *subject, path string) Check {
	f, info, err := cycle.OpenPlain(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Check{OK, s.name, "log", path + " is not there", ""}
	}
	if err != nil {
		return Check{Warn, s.name, "log", err.Error(), "look as root"}
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, glimpse))
	if err != nil {
		return Check{Warn, s.name, "log", err.Error(), ""}
	}
	size := humanize.IBytes(uint64(info.Size()))
	if bytes.Contains(head, []byte(string(s.daemon)+"_cycle_total")) {
		return Check{OK, s.name, "log", fmt.Sprintf("%s (%s) tells timings: wanctl import reads them", path, size), ""}
	}
	return Check{OK, s.name, "log", fmt.Sprintf("%s (%s) goes on as it is; timings are not in it", path, size), ""}
}

// running lists the Python program's processes.
func (e *Examiner) running() (found []string) {
	entries, err := os.ReadDir(e.Proc)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if yes, _ := IsPython(e.Proc, pid); yes {
			found = append(found, fmt.Sprintf("process %d: %s", pid, e.command(pid)))
		}
	}
	return found
}

// unitFolders are where the Python program's units are put.
var unitFolders = []string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// units lists the Python program's units, by their usual names.
func (e *Examiner) units() (found []string) {
	for _, folder := range unitFolders {
		for _, pattern := range []string{"wanctl@*.timer", "wanctl@.service", "steering.timer", "steering.service", "timers.target.wants/wanctl@*.timer", "timers.target.wants/steering.timer"} {
			names, err := filepath.Glob(filepath.Join(folder, pattern))
			if err != nil {
				continue
			}
			found = append(found, names...)
		}
	}
	return found
}

// steps is the way over, with this machine's names.
func steps(subjects []*subject, units []string) []Step {
	var check, dry, imports, replays, mends, enable []string
	for _, s := range subjects {
		for _, command := range s.mends {
			if command != "" && !slices.Contains(mends, command) {
				mends = append(mends, command)
			}
		}
		c := fmt.Sprintf("wanctl %s --config %s", s.daemon, s.path)
		check = append(check, c+" --check")
		dry = append(dry, c+" --dry-run --cycles 200 --db /tmp/wanctl-dry.db")
		for _, log := range s.logs {
			if info, err := os.Stat(log); err == nil && info.Size() > 0 && strings.HasSuffix(log, "_debug.log") {
				imports = append(imports, "wanctl import --db /tmp/wanctl-python.db "+log)
				replays = append(replays, fmt.Sprintf("wanctl replay --db /tmp/wanctl-python.db --since 4w --daemon %s --wan %s --config %s", s.daemon, s.name, s.path))
			}
		}
		if s.daemon == cycle.Steering {
			enable = append(enable, "wanctl-steering")
		} else {
			enable = append(enable, "wanctl-autorate@"+strings.TrimSuffix(filepath.Base(s.path), ".yaml"))
		}
	}
	if len(imports) == 0 {
		imports = []string{"wanctl import --db /tmp/wanctl-python.db /var/log/wanctl/WAN_debug.log   # the Python program run with --debug writes it"}
		replays = []string{"wanctl replay --db /tmp/wanctl-python.db --since 4w --config FILE"}
	}
	old := []string{"wanctl@WAN.timer", "steering.timer"}
	if len(units) > 0 {
		old = nil
		for _, u := range units {
			if name := filepath.Base(u); !slices.Contains(old, name) && !strings.Contains(name, "@.") {
				old = append(old, name)
			}
		}
	}
	services, theirs := strings.Join(enable, " "), strings.Join(old, " ")
	over := append([]string{"systemctl disable --now " + theirs}, mends...)
	over = append(over, "wanctl doctor"+configFlags(subjects), "systemctl enable --now "+services)
	return []Step{
		{"See what is made of the files", "Nothing else is touched.", check},
		{"Compare decisions", "What the Python program measured, decided again by wanctl: the summary tells every cycle that differs.", append(imports, replays...)},
		{"Run beside it", "A dry run writes neither to the router nor to state files, and takes no lock. The two ping on their own, so their RTTs differ a little; the lines of both go into the same logs.", append(dry, "wanctl compare --before-db /tmp/wanctl-python.db --after-db /tmp/wanctl-dry.db")},
		{"Change over", "Never both at once: each would undo what the other writes. The doctor says what the service's user still may not read or write; only then start.", over},
		{"Go back, if you want to", "The state files are the Python program's own; it reads what wanctl wrote.", []string{"systemctl disable --now " + services, "systemctl enable --now " + theirs}},
	}
}

func configFlags(subjects []*subject) (flags string) {
	for _, s := range subjects {
		flags += " --config " + s.path
	}
	return flags
}

// Text writes the checks, and then the steps.
func (m Move) Text(w io.Writer) error {
	if err := Text(w, m.Checks); err != nil {
		return err
	}
	b := new(bytes.Buffer)
	for i, s := range m.Steps {
		fmt.Fprintf(b, "\n%d. %s. %s\n\n", i+1, s.Title, s.Why)
		for _, c := range s.Commands {
			fmt.Fprintf(b, "   %s\n", printable(c))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
