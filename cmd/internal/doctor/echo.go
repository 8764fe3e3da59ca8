package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"wanctl/cycle/icmp"
)

const (
	echoes  = 3                      // to each reflector
	between = 200 * time.Millisecond // two of them
	far     = 100 * time.Millisecond // a reflector beyond it tells of the way more than of the line
)

// ping asks for the right to send echoes, and sends some to every reflector of the
// configurations.
func (e *Examiner) ping(subjects []*subject) task {
	return task{system, "ICMP", 8 * time.Second, func(ctx context.Context) (checks []Check) {
		prober, err := icmp.New(nil)
		if err != nil {
			return []Check{{
				Fail, system, "ICMP", err.Error(),
				"run as a service (its unit grants CAP_NET_RAW), as root, or take one of the two commands",
			}}
		}
		defer prober.Close()
		how := "raw sockets (CAP_NET_RAW)"
		if prober.Datagram() {
			how = "datagram sockets (net.ipv4.ping_group_range)"
		}
		checks = append(checks, Check{OK, system, "ICMP", "may send echoes by " + how + asWhom(), ""})
		return append(checks, sendEchoes(ctx, prober, subjects)...)
	}}
}

func asWhom() string { return fmt.Sprintf(", as user %d", os.Geteuid()) }

// tally is what came of a reflector's echoes.
type tally struct {
	host, about string
	timeout     time.Duration
	rtts        []time.Duration
	lost        string // why the last lost one was lost
}

func sendEchoes(ctx context.Context, prober *icmp.Prober, subjects []*subject) (checks []Check) {
	var hosts []string
	var tallies []*tally
	timeout := time.Duration(0)
	for _, s := range subjects {
		for _, host := range s.reflectors {
			if !slices.Contains(hosts, host) {
				hosts, tallies = append(hosts, host), append(tallies, &tally{host: host, about: s.name, timeout: s.pingTimeout})
				timeout = max(timeout, min(s.pingTimeout, 2*time.Second))
			}
		}
	}
	for i := range echoes {
		if i > 0 {
			select {
			case <-time.After(between):
			case <-ctx.Done():
			}
		}
		for j, echo := range prober.Probe(ctx, hosts, timeout) {
			if echo.Err != nil {
				tallies[j].lost = echo.Err.Error()
				continue
			}
			tallies[j].rtts = append(tallies[j].rtts, echo.RTT)
		}
	}
	silent := !slices.ContainsFunc(tallies, func(t *tally) bool { return len(t.rtts) > 0 })
	for _, t := range tallies {
		checks = append(checks, t.check(silent))
	}
	return checks
}

func (t *tally) check(silent bool) Check {
	what := "reflector " + t.host
	slices.Sort(t.rtts)
	switch n := len(t.rtts); {
	case n == 0 && silent:
		return Check{Fail, t.about, what, "no echo came back: " + t.lost, "none of the reflectors answers: is the line up, and does the firewall let pings out?"}
	case n == 0:
		return Check{Fail, t.about, what, "no echo came back: " + t.lost, "others answer: choose another host in its place"}
	case n < echoes:
		return Check{Warn, t.about, what, fmt.Sprintf("%d of %d echoes came back: %s", n, echoes, t.lost), "look again; one that loses pings on an idle line is a poor choice"}
	case t.rtts[0] > t.timeout:
		return Check{Fail, t.about, what, fmt.Sprintf("answers in %s, later than timeouts.ping", spread(t.rtts)), "raise timeouts.ping, or choose a nearer host"}
	case t.rtts[0] > far:
		return Check{Warn, t.about, what, "answers in " + spread(t.rtts), "choose a nearer one: this RTT tells more of the way than of the line"}
	}
	return Check{OK, t.about, what, "answers in " + spread(t.rtts), ""}
}

// spread is the least and the longest of sorted times.
func spread(ds []time.Duration) string {
	least, most := ms(ds[0]), ms(ds[len(ds)-1])
	if least == most {
		return least
	}
	return strings.TrimSuffix(least, " ms") + " to " + most
}
