package cycle

import "strings"

// Daemon names one of the two control programs.
type Daemon string

// The daemons. Every label begins with the name of its daemon.
const (
	Autorate Daemon = "autorate"
	Steering Daemon = "steering"
)

// Part says which stretch of a cycle a label stands for.
type Part uint8

// RTT, CAKE and Rule are measured side by side; then comes Adjust (the law, and
// saving the state) and, only if something changed, Update (the router write).
// Total is the whole cycle. A Probe is one reflector's echo inside RTT. Late is
// not a span: it is how long after its scheduled moment a cycle started. Other
// is everything else that was timed (a router login) or imported.
const (
	Other Part = iota
	RTT
	CAKE
	Rule
	Adjust
	Update
	Total
	Probe
	Late
	parts // how many there are
)

// partNames are the words of the report, and suffixes those of the labels.
var (
	partNames = [parts]string{"other", "rtt", "cake", "rule", "adjust", "update", "total", "probe", "late"}
	suffixes  = [parts]string{
		"other", "rtt_measurement", "cake_stats_read", "rule_check", "adjust_state", "router_update",
		"cycle_total", "probe", "lateness",
	}
)

// String returns the part's word in reports: "rtt", "cake", ... "total".
func (p Part) String() string {
	if p >= parts {
		return partNames[Other]
	}
	return partNames[p]
}

// Stretches are the parts a cycle's time divides into, in the order they run.
// Their critical shares and that of whatever lies between them add to 1.
var Stretches = [...]Part{RTT, CAKE, Rule, Adjust, Update}

// Label names a timed part of a daemon's cycle, e.g. "autorate_cycle_total".
// Imported recordings may carry labels of other programs' making.
type Label string

// labels are built once so that timing a span allocates nothing.
var labels = func() map[Daemon]*[parts]Label {
	m := map[Daemon]*[parts]Label{}
	for _, d := range []Daemon{Autorate, Steering} {
		t := new([parts]Label)
		for p, s := range suffixes {
			t[p] = Label(string(d) + "_" + s)
		}
		m[d] = t
	}
	return m
}()

// Label returns the daemon's label for a part.
func (d Daemon) Label(p Part) Label {
	if t := labels[d]; t != nil && p < parts {
		return t[p]
	}
	return Label(string(d) + "_" + suffixes[min(p, parts-1)])
}

// Part tells which part of a cycle the label stands for; Other when it is none
// of the daemons' own.
func (l Label) Part() Part {
	_, suffix, ok := strings.Cut(string(l), "_")
	if !ok {
		return Other
	}
	for p, s := range suffixes {
		if s == suffix {
			return Part(p)
		}
	}
	return Other
}

// Daemon tells whose label it is: the word before the first underscore.
func (l Label) Daemon() Daemon {
	d, _, _ := strings.Cut(string(l), "_")
	return Daemon(d)
}
