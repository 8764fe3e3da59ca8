package analyze

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// localLayouts are the times without an offset.
var localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"}

// ParseTime reads a moment as people write it: "now", a stretch before now, RFC
// 3339, or a local time in loc.
func ParseTime(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if s == "now" {
		return now, nil
	}
	if d, err := ParseStretch(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time (use now, 90s, 15m, 1h, 7d, 2w, 2026-01-09T15:04:05Z or '2026-01-09 15:04')", s)
}

// FollowsTheClock tells whether a moment as ParseTime reads it moves with now.
func FollowsTheClock(s string) bool {
	_, err := ParseStretch(s)
	return s == "now" || err == nil
}

// maxStretch keeps "before now" within what time can count.
const maxStretch = 100 * 365 * 24 * time.Hour

// ParseStretch reads a length of time as people write it: 90s, 15m, 1h, 7d, 2w and
// sums of them such as 1h30m.
func ParseStretch(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no stretch of time (use 90s, 15m, 1h, 7d or 2w)", s)
	if s == "" || strings.ContainsAny(s, "+- _") {
		return 0, bad
	}
	if n, unit := s[:len(s)-1], s[len(s)-1]; unit == 'd' || unit == 'w' {
		v, err := strconv.ParseFloat(n, 64)
		day := 24 * time.Hour
		if unit == 'w' {
			day *= 7
		}
		if err != nil || !(v >= 0 && v <= float64(maxStretch/day)) {
			return 0, bad
		}
		return time.Duration(v * float64(day)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxStretch {
		return 0, bad
	}
	return d, nil
}
