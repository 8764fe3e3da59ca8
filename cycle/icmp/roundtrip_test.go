package icmp

import (
	"testing"
	"time"
)

func TestRoundTripTrustsOnlyPlausibleStamps(t *testing.T) {
	t.Parallel()
	sent := time.Now()
	read := sent.Add(20*time.Millisecond + 400*time.Nanosecond)
	wall := read.Round(0)
	tests := map[string]struct {
		read, stamp time.Time
		want        time.Duration
	}{
		"no stamp":                     {read, time.Time{}, 20 * time.Millisecond},
		"read at once":                 {read, wall, 20 * time.Millisecond},
		"waited 5 ms to be read":       {read, wall.Add(-5 * time.Millisecond), 15 * time.Millisecond},
		"waited for all of it":         {read, wall.Add(-20 * time.Millisecond), time.Microsecond},
		"stamp after reading":          {read, wall.Add(time.Millisecond), 20 * time.Millisecond},
		"stamp before sending":         {read, wall.Add(-21 * time.Millisecond), 20 * time.Millisecond},
		"clock set back an hour":       {read, wall.Add(time.Hour), 20 * time.Millisecond},
		"clock set forward a day":      {read, wall.Add(-24 * time.Hour), 20 * time.Millisecond},
		"answered in less than 0.5 us": {sent.Add(time.Nanosecond), time.Time{}, time.Microsecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := roundTrip(sent, tt.read, tt.stamp); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
