package configs

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/cycle/endpoint"
	"wanctl/cycle/routeros"
	"wanctl/store"
)

// sheet is lines of a name and what there is to say about it.
type sheet struct{ strings.Builder }

const sheetName = 12 // the width of a name

func (s *sheet) line(name, format string, args ...any) {
	fmt.Fprintf(s, "  %-*s %s\n", sheetName, name, fmt.Sprintf(format, args...))
}

// Describe tells in plain lines what the configuration was understood as: rates,
// floors, thresholds, interval, router and files. No secret is in it.
func (a *Autorate) Describe() string {
	s, d := new(sheet), &a.Daemon
	fmt.Fprintf(s, "autorate %s, from %s\n", d.WAN, printable(a.Path))
	if !d.Enabled {
		s.line("enabled", "no: this WAN is left alone")
	}
	s.line("interval", "%s", seconds(d.Interval))
	used := d.PingHosts[:min(1, len(d.PingHosts))]
	how := "one reflector"
	if d.MedianOfThree && len(d.PingHosts) >= 3 {
		used, how = d.PingHosts[:3], "median of three"
	}
	s.line("reflectors", "%s (%s), answers waited for %s", strings.Join(used, ", "), how, seconds(d.PingTimeout))
	if idle := d.PingHosts[len(used):]; len(idle) > 0 {
		s.line("", "not used: %s", strings.Join(idle, ", "))
	}
	s.direction("download", d.DownloadQueue, d.Download)
	s.direction("upload", d.UploadQueue, d.Upload)
	t := d.Thresholds
	s.line("thresholds", "bloat above %v ms is YELLOW, %v ms SOFT_RED (upload: RED), %v ms RED", t.Target, t.Warn, t.HardRed)
	s.line("averages", "baseline %v, from %v ms on, following below %v ms of bloat; load %v", t.AlphaBaseline, d.BaselineInitial, t.BaselineUpdate, t.AlphaLoad)
	s.common(&a.Router, a.Recorder, a.Logging, a.Health, a.Metrics)
	s.line("lock", "%s", d.LockFile)
	s.line("state", "%s", d.StateFile())
	return s.String()
}

func (s *sheet) direction(name, queue string, d autorate.Direction) {
	f := d.Floors()
	floors := fmt.Sprintf("floor %v", f[cycle.Red])
	if f[cycle.Red] != f[cycle.Green] { // in order, so that all between are equal too
		floors = fmt.Sprintf("floors %v green, %v yellow, %v soft red, %v red", f[cycle.Green], f[cycle.Yellow], f[cycle.SoftRed], f[cycle.Red])
	}
	s.line(name, "queue %s: %v Mbit/s, %s", queue, d.Ceiling, floors)
	s.line("", "up by %v Mbit/s, down by a factor of %v", d.StepUp, d.FactorDown)
}

func (s *sheet) common(r *routeros.Config, rec store.Config, l Logging, health, metrics endpoint.Config) {
	trust := "certificate not verified"
	switch {
	case r.Transport == routeros.SSH:
		trust = "host key verified"
	case !r.Secure():
		trust = "in clear"
	case r.Fingerprint != "":
		trust = "certificate pinned"
	case r.VerifyTLS || r.CAFile != "":
		trust = "certificate verified"
	}
	s.line("router", "%s@%s by %s, %s, answers waited for %s", r.User, r.Address(), r.Transport, trust, seconds(r.Patience()))
	if len(r.Fallback) > 0 {
		s.line("", "falls back to %s", strings.Join(r.Fallback, ", "))
	}
	if rec.Enabled {
		s.line("recorder", "%s, written every %s, at most %s", rec.Path, seconds(rec.FlushInterval), quantity(float64(rec.MaxSize), "bytes"))
		s.line("", "cycles kept %s, minutes %s, hours %s", seconds(rec.KeepCycles), seconds(rec.KeepMinutes), seconds(rec.KeepHours))
	} else {
		s.line("recorder", "off: nothing is recorded")
	}
	s.line("log", "%s; with --debug %s", l.MainLog, l.DebugLog)
	if l.MaxSize > 0 {
		s.line("", "each at most %s, and %d full ones beside it", quantity(float64(l.MaxSize), "bytes"), l.Keep)
	}
	s.page("health", health, "/health")
	s.page("metrics", metrics, "/metrics")
}

func (s *sheet) page(name string, at endpoint.Config, path string) {
	if at.Enabled {
		s.line(name, "http://%s%s", at.Address(), path)
	} else {
		s.line(name, "not served")
	}
}

func seconds(d time.Duration) string { return quantity(d.Seconds(), "s") }

// Describe tells in plain lines what the configuration was understood as. No
// secret is in it.
func (c *Steering) Describe() string {
	s, d, t := new(sheet), &c.Daemon, c.Daemon.Thresholds
	fmt.Fprintf(s, "steering %s, from %s\n", d.WAN, printable(c.Path))
	s.line("interval", "%s", seconds(d.Interval))
	s.line("watches", "%s, queue %s, baseline from %s (%v to %v ms)", d.PrimaryWAN, d.DownloadQueue, d.BaselineFile, t.BaselineMin, t.BaselineMax)
	s.line("steers to", "%s, by the rule %q", d.AlternateWAN, d.RuleComment)
	s.line("reflector", "%s, %d a try, answers waited for %s, tries for %s", d.PingHost, d.PingCount, seconds(d.PingTimeout), seconds(d.PingTotal))
	if d.CAKEAware {
		s.line("thresholds", "YELLOW above %v ms or from %d packets queued; RED above %v ms with %d drops and %d queued", t.YellowRTT, t.MinQueueYellow, t.RedRTT, t.MinDropsRed, t.MinQueueRed)
		s.line("switches", "on after %d RED cycles, off after %d GREEN", t.RedSamples, t.GreenSamples)
		s.line("averages", "RTT %v, queue %v", t.RTTAlpha, t.QueueAlpha)
	} else {
		s.line("thresholds", "RTT alone: bad above %v ms, good below %v ms", t.BadThreshold, t.RecoveryThreshold)
		s.line("switches", "on after %d bad cycles, off after %d good", t.BadSamples, t.GoodSamples)
	}
	s.common(&c.Router, c.Recorder, c.Logging, c.Health, c.Metrics)
	s.line("lock", "%s", d.LockFile)
	s.line("state", "%s, the newest %d values", d.StateFile, d.HistorySize)
	return s.String()
}

// JSON returns the settings in force, defaults and all, under the file's own keys
// and in its units. No secret is in it. ReadAutorate reads it again.
func (a *Autorate) JSON() string { return settingsJSON(a.parts()) }

// JSON returns the settings in force, as for Autorate; ReadSteering reads it again.
func (c *Steering) JSON() string { return settingsJSON(c.parts()) }

func settingsJSON(parts []cycle.Configurable) string {
	root := map[string]any{}
	for _, p := range parts {
		for _, s := range p.Settings() {
			if v, known := plainValue(s); known && !s.Ignored {
				set(root, strings.Split(s.Key, "."), v)
			}
		}
	}
	text, err := json.Marshal(root)
	if err != nil { // NaN and the like, which no range lets in
		return "{}"
	}
	return string(text)
}

// set puts a value at a path of nested maps.
func set(m map[string]any, path []string, v any) {
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = v
}

// plainValue returns what a setting holds as JSON has it; known is false where it
// holds nothing.
func plainValue(s cycle.Setting) (v any, known bool) {
	switch t := s.Into.(type) {
	case nil:
		return nil, false
	case *string:
		return escape(*t), *t != ""
	case *[]string:
		return *t, len(*t) > 0
	case *cycle.Secret:
		return t.String(), *t != ""
	case *time.Duration:
		return number(float64(*t) / float64(unitOf(s))), true
	case *float64:
		return number(*t), true
	case *bool, *int, *int64:
		return t, true
	case *cycle.Maybe[float64]:
		return number(t.Value), t.Known
	case *cycle.Maybe[bool]:
		return t.Value, t.Known
	case *cycle.Maybe[int]:
		return t.Value, t.Known
	case *cycle.Maybe[int64]:
		return t.Value, t.Known
	case *cycle.Maybe[string]:
		return escape(t.Value), t.Known
	case *cycle.Maybe[time.Duration]:
		return number(float64(t.Value) / float64(unitOf(s))), t.Known
	case *cycle.Maybe[[]string]:
		return t.Value, t.Known
	case *cycle.Maybe[cycle.Secret]:
		return t.Value.String(), t.Known
	}
	return nil, false
}

// number is a finite number without an exponent: with one it would be text to a
// YAML 1.1 reader.
func number(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return json.Number(plainNumber(v))
}
