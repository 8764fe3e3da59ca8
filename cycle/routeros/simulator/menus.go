package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verbs that most lists know.
var (
	listVerbs = []string{"print", "getall", "get", "find", "set", "add", "remove", "enable", "disable", "comment"}
	readVerbs = []string{"print", "getall", "get", "find"}
)

func verbs(base []string, more ...string) []string {
	return append(append([]string{}, base...), more...)
}

// Properties that most lists end with.
var (
	disabled = property{name: "disabled", form: flag, initial: "false", letter: 'X', legend: "disabled"}
	invalid  = property{name: "invalid", form: flag, initial: "false", fixed: true, letter: 'I', legend: "invalid"}
	dynamic  = property{name: "dynamic", form: flag, initial: "false", fixed: true, letter: 'D', legend: "dynamic"}
	comment  = property{name: "comment", sparse: true}
)

// queueTree is /queue/tree; v6 has three columns more.
func queueTree(v version) *menu {
	m := &menu{path: "/queue/tree", named: true, next: 0x1000000, verbs: verbs(listVerbs, "reset-counters", "reset-counters-all")}
	m.properties = []property{
		{name: "name", required: true},
		{name: "parent", form: parent, initial: "global"},
		{name: "packet-mark", initial: "no-mark"},
		{name: "limit-at", form: rate, initial: "0"},
		{name: "queue", form: queue, initial: "default-small"},
		{name: "priority", form: number, initial: "8", min: 1, max: 8},
		{name: "max-limit", form: rate, initial: "0"},
		{name: "burst-limit", form: rate, initial: "0"},
		{name: "burst-threshold", form: rate, initial: "0"},
		{name: "burst-time", form: seconds, initial: "0s"},
		{name: "bucket-size", initial: "0.1"},
		{name: "rate", form: counter, stat: true},
		{name: "packet-rate", form: counter, stat: true},
		{name: "queued-bytes", form: counter, stat: true},
		{name: "queued-packets", form: counter, stat: true},
		{name: "bytes", form: counter, stat: true},
		{name: "packets", form: counter, stat: true},
		{name: "dropped", form: counter, stat: true},
	}
	if v[0] == 6 {
		for _, name := range []string{"lends", "borrows", "pcq-queues"} {
			m.properties = append(m.properties, property{name: name, form: counter, stat: true})
		}
	}
	m.properties = append(m.properties, comment, invalid, disabled)
	return m
}

// queueTypes is /queue/type.
func queueTypes(v version) *menu {
	kinds := []string{"pfifo", "bfifo", "sfq", "red", "pcq", "none", "mq-pfifo"}
	if v.atLeast(7, 1, 0) {
		kinds = append(kinds, "fq-codel", "codel", "cake")
	}
	return &menu{path: "/queue/type", named: true, verbs: listVerbs, properties: []property{
		{name: "name", required: true},
		{name: "kind", form: choice, choices: kinds, required: true},
		{name: "cake-bandwidth", form: rate, sparse: true},
		{name: "cake-rtt", form: seconds, sparse: true},
		{name: "cake-overhead", form: number, sparse: true, min: -64, max: 256},
		{name: "cake-diffserv", form: choice, sparse: true, choices: []string{"besteffort", "diffserv3", "diffserv4", "diffserv8", "precedence"}},
		{name: "cake-flowmode", sparse: true},
		{name: "cake-nat", form: flag, sparse: true},
		{name: "cake-ack-filter", sparse: true},
	}}
}

// mangle is /ip/firewall/mangle. What was never written is not shown: an
// enabled rule may have no "disabled" at all.
func mangle() *menu {
	never := disabled
	never.sparse = true
	return &menu{path: "/ip/firewall/mangle", verbs: verbs(listVerbs, "reset-counters", "reset-counters-all"), next: 1, properties: []property{
		{name: "chain", initial: "prerouting", required: true},
		{name: "action", initial: "accept"},
		{name: "new-routing-mark", sparse: true},
		{name: "new-connection-mark", sparse: true},
		{name: "new-packet-mark", sparse: true},
		{name: "passthrough", form: flag, sparse: true},
		{name: "connection-mark", sparse: true},
		{name: "routing-mark", sparse: true},
		{name: "packet-mark", sparse: true},
		{name: "protocol", sparse: true},
		{name: "src-address", sparse: true},
		{name: "dst-address", sparse: true},
		{name: "src-port", sparse: true},
		{name: "dst-port", sparse: true},
		{name: "in-interface", sparse: true},
		{name: "out-interface", sparse: true},
		{name: "dscp", sparse: true},
		{name: "log", form: flag, initial: "false"},
		{name: "log-prefix", initial: ""},
		{name: "bytes", form: counter, stat: true},
		{name: "packets", form: counter, stat: true},
		comment, invalid, dynamic, never,
	}}
}

// buildMenus makes the router's tree.
func (r *router) buildMenus() {
	r.menus = map[string]*menu{}
	for _, m := range []*menu{
		queueTree(r.version), queueTypes(r.version), mangle(),
		{path: "/system/resource", single: true, verbs: readVerbs, show: r.resource},
		{path: "/system/identity", single: true, verbs: readVerbs, show: func() []row { return []row{{{"name", "MikroTik"}}} }},
		{path: "/system", single: true, verbs: []string{"reboot", "shutdown"}},
		{path: "/user", verbs: readVerbs, show: r.userRows},
		{path: "/user/group", verbs: readVerbs, show: r.groupRows},
		{path: "/log", verbs: readVerbs, show: r.logRows},
	} {
		r.menus[m.path] = m
	}
	for _, t := range []struct{ name, kind string }{{"default", "pfifo"}, {"default-small", "pfifo"}, {"ethernet-default", "pfifo"}} {
		r.menus["/queue/type"].add(&item{values: map[string]string{"name": t.name, "kind": t.kind}})
	}
}

// resource is what /system/resource shows.
func (r *router) resource() []row {
	stability := " (stable)"
	if r.version[0] == 6 {
		stability = " (long-term)"
	}
	return []row{{
		{"uptime", uptime(r.uptime())},
		{"version", r.release + stability},
		{"build-time", "2025-03-11 12:59:06"},
		{"free-memory", "812646400"},
		{"total-memory", "1073741824"},
		{"cpu", "ARM64"},
		{"cpu-count", "4"},
		{"cpu-frequency", "1400"},
		{"cpu-load", "3"},
		{"free-hdd-space", "984952832"},
		{"total-hdd-space", "1073741824"},
		{"write-sect-since-reboot", strconv.FormatInt(r.sectors, 10)},
		{"write-sect-total", strconv.FormatInt(r.sectorsAll, 10)},
		{"bad-blocks", "0"},
		{"architecture-name", "arm64"},
		{"board-name", boardOf(r.version)},
		{"platform", "MikroTik"},
	}}
}

// userRows is what /user shows; never a password.
func (r *router) userRows() []row {
	rows := make([]row, len(r.users))
	for n, u := range r.users {
		rows[n] = row{{".id", "*" + strconv.Itoa(n+1)}, {"name", u.Name}, {"group", u.group()}, {"disabled", "false"}}
	}
	return rows
}

// policyNames are all policies that RouterOS 7 has.
var policyNames = []string{
	"local", "telnet", "ssh", "ftp", "reboot", "read", "write", "policy", "test", "winbox", "password", "web", "sniff",
	"sensitive", "api", "romon", "rest-api",
}

// group is the name of the user's group: one of its own, unless the user may do all.
func (u User) group() string {
	if len(u.Policies) == 0 {
		return "full"
	}
	return u.Name + "-group"
}

// groupRows is what /user/group shows: what is not granted has a "!" before it.
func (r *router) groupRows() []row {
	rows := []row{{{".id", "*1"}, {"name", "full"}, {"policy", strings.Join(policyNames, ",")}}}
	for _, u := range r.users {
		if len(u.Policies) == 0 {
			continue
		}
		policies := slices.Clone(policyNames)
		for i, p := range policies {
			if !slices.Contains(u.Policies, p) {
				policies[i] = "!" + p
			}
		}
		rows = append(rows, row{{".id", fmt.Sprintf("*%X", len(rows)+1)}, {"name", u.group()}, {"policy", strings.Join(policies, ",")}})
	}
	return rows
}

// logRows is what /log shows.
func (r *router) logRows() []row {
	rows := make([]row, len(r.log))
	for n, l := range r.log {
		rows[n] = row{
			{".id", fmt.Sprintf("*%X", l.id)},
			{"time", l.at.Format(time.DateTime)},
			{"topics", l.topics},
			{"message", l.text},
		}
	}
	return rows
}
