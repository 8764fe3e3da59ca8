package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/renameio/v2"

	"wanctl/cmd/internal/doctor"
	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/routeros"
)

// passwordVariable is what the configurations refer to, unless the file of secrets
// has another router's password under that name already.
const passwordVariable = "ROUTER_PASSWORD"

// pickVariable chooses the name of the password in the file of secrets.
func (s *setup) pickVariable() error {
	s.variable = passwordVariable
	values, err := doctor.ReadSecrets(s.path("secrets"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if old, there := values[passwordVariable]; there && old != s.router.Password.Reveal() {
		s.variable += "_" + strings.Map(func(r rune) rune {
			if r == '.' || r == '-' {
				return '_'
			}
			return unicode.ToUpper(r)
		}, s.wan)
		s.say("%s has another %s; this password becomes %s.", s.path("secrets"), passwordVariable, s.variable)
	}
	return nil
}

// confirm shows what is about to be written, and asks before anything is replaced.
func (s *setup) confirm() error {
	paths := s.paths()
	for err := s.pickVariable(); err != nil; err = s.pickVariable() {
		if err := s.again(err); err != nil {
			return err
		}
	}
	s.say("\nTo be written:")
	for _, path := range append(slices.Clone(paths), s.more()...) {
		s.say("  %s%s", path, map[bool]string{true: "  (there already)"}[exists(path)])
	}
	if i := slices.IndexFunc(paths, exists); i >= 0 {
		replace, err := s.yes("Replace "+strings.Join(slices.DeleteFunc(paths, func(p string) bool { return !exists(p) }), " and "), false,
			"What is in them now is lost. A name of another WAN gives another file.")
		if err == nil && !replace {
			err = errEnded
		}
		return err
	}
	ok, err := s.yes("Write", true, "The configuration is for root and the service alone to read; the password stands in the file of secrets only.")
	if err == nil && !ok {
		err = errEnded
	}
	return err
}

// paths are the configurations, autorate's first.
func (s *setup) paths() []string {
	paths := []string{s.path(s.wan + ".yaml")}
	if s.steer {
		paths = append(paths, s.path("steering.yaml"))
	}
	return paths
}

// more are the files that a line is added to.
func (s *setup) more() (paths []string) {
	if s.router.Password != "" {
		paths = append(paths, s.path("secrets"))
	}
	if s.knownHosts != "" {
		paths = append(paths, s.path("known_hosts"))
	}
	return paths
}

// write writes all files, or has the user put right what keeps it from that.
func (s *setup) write() error {
	for err := s.writeFiles(); err != nil; err = s.writeFiles() {
		if err := s.again(err); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles writes all files, each of which appears whole or not at all. Everything
// that can fail for what was answered fails before the first of them.
func (s *setup) writeFiles() (err error) {
	texts := map[string][]byte{}
	paths := s.paths()
	if len(slices.Compact(slices.Sorted(slices.Values(paths)))) < len(paths) {
		return fmt.Errorf("%s would be written twice: give the WAN another name", paths[0])
	}
	if texts[paths[0]], err = s.autorateFile(); err != nil {
		return err
	}
	if s.steer {
		if texts[paths[1]], err = s.steeringFile(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	s.begun = true
	if s.router.Password != "" {
		if err := s.addSecret(); err != nil {
			return err
		}
	}
	if s.knownHosts != "" {
		host, _, _ := strings.Cut(s.knownHosts, " ")
		if err := addLine(s.path("known_hosts"), host+" ", s.knownHosts); err != nil {
			return err
		}
	}
	for _, path := range paths {
		if err := writeGuarded(path, 0o640, texts[path]); err != nil {
			return err
		}
		s.say("Wrote %s.", path)
	}
	return nil
}

// autorateFile is the WAN's configuration, checked as a daemon would.
func (s *setup) autorateFile() ([]byte, error) {
	const monitoring = "continuous_monitoring."
	set := s.commonKeys(s.wan)
	for key, v := range map[string]any{
		"wan_name": s.wan, "queues.download": s.down, "queues.upload": s.up,
		monitoring + "baseline_rtt_initial": s.baseline,
		monitoring + "ping_hosts":           s.reflectors,
		monitoring + "use_median_of_three":  len(s.reflectors) >= 3,
		"state_file":                        nil, // it is named after lock_file
	} {
		set[key] = v
	}
	for section, r := range map[string]struct{ rate, floor float64 }{
		monitoring + "download.": {s.downRate, s.downFloor}, monitoring + "upload.": {s.upRate, s.upFloor},
	} {
		set[section+"ceiling_mbps"], set[section+"floor_mbps"] = r.rate, r.floor
		set[section+"step_up_mbps"] = min(max(0.1, r.rate/100), 100)
	}
	for _, zone := range []string{"green", "yellow", "soft_red", "red"} {
		set[monitoring+"download.floor_"+zone+"_mbps"] = nil // one floor does
	}
	text, err := configs.Fill(cycle.Autorate, set)
	if err != nil {
		return nil, err
	}
	_, findings := configs.ReadAutorate(s.wan+".yaml", text, s.password)
	return text, findings.ForStart().Errors().Err()
}

// steeringFile is the steering daemon's configuration.
func (s *setup) steeringFile() ([]byte, error) {
	set := s.commonKeys("steering")
	for key, v := range map[string]any{
		"topology.primary_wan": s.wan, "topology.primary_wan_config": s.path(s.wan + ".yaml"), "topology.alternate_wan": s.alternate,
		"mangle_rule.comment": s.rule, "cake_state_sources.primary": filepath.Join(s.places().run, s.wan+"_state.json"),
		"state.file":                   filepath.Join(s.places().lib, "steering_state.json"),
		"cake_queues.primary_download": s.down, "cake_queues.primary_upload": s.up,
		"measurement.ping_host": s.reflectors[0],
		// Around what the reflector's RTT was just now: the example's bounds are those of its line.
		"thresholds.baseline_rtt_bounds.min": min(10, s.baseline/2),
		"thresholds.baseline_rtt_bounds.max": max(60, s.baseline*3),
	} {
		set[key] = v
	}
	text, err := configs.Fill(cycle.Steering, set)
	if err != nil {
		return nil, err
	}
	_, findings := configs.ReadSteering("steering.yaml", text, s.password)
	return text, findings.ForStart().Errors().Err()
}

// password looks a variable up as the services will find it.
func (s *setup) password(name string) (string, bool) {
	if name == s.variable {
		return s.router.Password.Reveal(), true
	}
	return s.getenv(name)
}

// places are the folders that the daemons write into.
type places struct{ run, lib, log string }

// places are the system's for the services' own folder; for any other, which is for
// trying out, it is that folder itself.
func (s *setup) places() places {
	if s.dir == filepath.Dir(doctor.SecretsFile) {
		return places{"/run/wanctl", "/var/lib/wanctl", "/var/log/wanctl"}
	}
	return places{s.dir, s.dir, s.dir}
}

// commonKeys are the keys of both daemons: the files of one name, and the router.
func (s *setup) commonKeys(name string) map[string]any {
	at, set := s.places(), s.routerKeys()
	set["lock_file"] = filepath.Join(at.run, name+".lock")
	set["logging.main_log"], set["logging.debug_log"] = filepath.Join(at.log, name+".log"), filepath.Join(at.log, name+"_debug.log")
	set["recorder.path"] = filepath.Join(at.lib, "profile.db")
	return set
}

// routerKeys are the keys by which both daemons reach the router.
func (s *setup) routerKeys() map[string]any {
	r := &s.router
	_, text, _ := net.SplitHostPort(r.Address())
	port, _ := strconv.Atoi(text)
	set := map[string]any{
		"router.transport": r.Transport, "router.host": r.Host, "router.user": r.User,
		"router.password": configs.Reference("${" + s.variable + "}"),
		"router.port":     nil, "router.verify_ssl": nil, "router.ssh_key": nil,
	}
	if r.Password == "" {
		set["router.password"] = nil
	}
	if r.Fingerprint != "" {
		set["router.tls_fingerprint"] = r.Fingerprint
	}
	switch r.Transport {
	case routeros.SSH:
		set["router.ssh_port"], set["router.known_hosts"] = port, r.KnownHosts
		if r.SSHKey != "" {
			set["router.ssh_key"] = r.SSHKey
		}
	case routeros.API:
		set["router.api_port"], set["router.tls"] = port, r.TLS.Value
	default:
		set["router.port"], set["router.tls"] = port, r.TLS.Value
	}
	return set
}

// addSecret puts the password into the file of secrets, and leaves all else in it as
// it is.
func (s *setup) addSecret() error {
	path := s.path("secrets")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if text, err = doctor.WithSecret(text, s.variable, s.router.Password.Reveal()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return writeGuarded(path, 0o600, text)
}

// addLine puts a line into a file that all may read, in place of those that begin
// with a prefix, and leaves the others as they are.
func addLine(path, prefix, line string) error {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b := new(strings.Builder)
	for old := range strings.Lines(string(text)) {
		if !strings.HasPrefix(strings.TrimSpace(old), prefix) {
			b.WriteString(strings.TrimSuffix(old, "\n") + "\n")
		}
	}
	b.WriteString(line + "\n")
	return writeGuarded(path, 0o644, []byte(b.String()))
}

// writeGuarded writes a file that appears whole or not at all, and that others than
// its owner and the service's group may not read, whatever the umask.
func writeGuarded(path string, mode fs.FileMode, text []byte) error {
	f, err := renameio.NewPendingFile(path, renameio.WithStaticPermissions(mode))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Cleanup() }() // does nothing once the file is in place
	if mode&0o040 != 0 && os.Geteuid() == 0 {
		if g, e := user.LookupGroup(doctor.ServiceUser); e == nil {
			gid, _ := strconv.Atoi(g.Gid)
			err = f.Chown(0, gid)
		}
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
