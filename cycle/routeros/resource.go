package routeros

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"wanctl/cycle"
)

// Resource is what the router tells of itself.
type Resource struct {
	Version      string             `json:"version"`
	Board        string             `json:"board"`
	Uptime       time.Duration      `json:"uptime_ns"`               // whole seconds
	WriteSectors cycle.Maybe[int64] `json:"write_sect_since_reboot"` // flash sectors written since it started, where it tells
}

var resourceProps = []string{"uptime", "version", "board-name", "write-sect-since-reboot"}

// getResource asks for it; it also is what a new session and a probe ask.
func getResource(ctx context.Context, s session) (Resource, error) {
	rows, err := s.fetch(ctx, query{menu: systemResource, props: resourceProps})
	if err != nil {
		return Resource{}, err
	}
	if len(rows) != 1 {
		return Resource{}, answerf("the router answered with %d system resources", len(rows))
	}
	r := rows[0]
	uptime, ok := parseUptime(r["uptime"])
	if !ok {
		return Resource{}, answerf("the router answered with an uptime of %.40q", r["uptime"])
	}
	res := Resource{Version: r["version"], Board: r["board-name"], Uptime: uptime}
	if n, err := strconv.ParseInt(r["write-sect-since-reboot"], 10, 64); err == nil {
		res.WriteSectors = cycle.Known(n)
	}
	return res, nil
}

// String puts it as one line, e.g. "RB5009 7.18.2, up 3d4h0m0s, 1234 flash
// sectors written since it started".
func (r Resource) String() string {
	text := fmt.Sprintf("%s %s, up %v", r.Board, r.Version, r.Uptime)
	if r.WriteSectors.Known {
		text += fmt.Sprintf(", %d flash sectors written since it started", r.WriteSectors.Value)
	}
	return text
}

// uptimeText matches 1w2d3h4m5s with any part missing, and the console's
// 1w2d03:04:05.
var uptimeText = regexp.MustCompile(`^(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?(?:(\d\d):(\d\d):(\d\d))?$`)

func parseUptime(text string) (d time.Duration, ok bool) {
	m := uptimeText.FindStringSubmatch(text)
	if m == nil || text == "" {
		return 0, false
	}
	units := []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second, time.Hour, time.Minute, time.Second}
	for i, unit := range units {
		n, _ := strconv.Atoi(m[i+1]) // "" is 0
		d += time.Duration(n) * unit
	}
	return d, true
}

// uptime is when the router was seen to have been up for how long.
type uptime struct {
	up time.Duration
	at time.Time
}

// rebooted tells whether the router started anew after it was last seen. Its
// clock may run a little differently from ours: 5 s and 0.1 % are let pass.
func (u uptime) rebooted(now uptime) bool {
	elapsed := now.at.Sub(u.at)
	return !u.at.IsZero() && now.up+5*time.Second+elapsed/1000 < u.up+elapsed
}
