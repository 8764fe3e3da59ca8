package analyze_test

import (
	"testing"
	"time"

	"wanctl/analyze"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		text    string
		want    time.Time
		follows bool
	}{
		{"now", now, true},
		{"0s", now, true},
		{"90s", now.Add(-90 * time.Second), true},
		{"1h30m", now.Add(-90 * time.Minute), true},
		{"1.5d", now.Add(-36 * time.Hour), true},
		{"2w", now.Add(-14 * 24 * time.Hour), true},
		{"2026-01-09T14:00:00Z", now.Add(-time.Hour), false},
		{"2026-01-09T15:00:00.25+01:00", now.Add(-time.Hour + 250*time.Millisecond), false},
		{"2026-01-09 15:00", now.Add(-time.Hour), false},
		{"2026-01-09T15:00:30", now.Add(-time.Hour + 30*time.Second), false},
		{"2026-01-09", time.Date(2026, 1, 8, 23, 0, 0, 0, time.UTC), false},
	} {
		got, err := analyze.ParseTime(tc.text, now, berlin)
		if err != nil || !got.Equal(tc.want) || analyze.FollowsTheClock(tc.text) != tc.follows {
			t.Errorf("%q: %v, %v; want %v", tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"", "1", "h", "-1h", "+1h", "1 h", "1_0s", "d", "1y", "1e9w", "NaNd", "Infw", "yesterday", "2026-13-01", "25:00"} {
		if got, err := analyze.ParseTime(text, now, berlin); err == nil || analyze.FollowsTheClock(text) {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzParseTime holds what people type against what time can count.
func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"now", "90s", "7d", "1h30m", "2026-01-09T15:04:05Z", "2026-01-09 15:04", "0x1p-2d", "1e3w"} {
		f.Add(text)
	}
	now := time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := analyze.ParseTime(text, now, time.UTC)
		switch {
		case err != nil:
			if analyze.FollowsTheClock(text) {
				t.Errorf("%q follows the clock, but: %v", text, err)
			}
		case analyze.FollowsTheClock(text) && (got.After(now) || now.Sub(got) > 101*365*24*time.Hour):
			t.Errorf("%q is %v", text, got)
		}
	})
}
