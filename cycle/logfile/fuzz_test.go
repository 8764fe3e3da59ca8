package logfile

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func FuzzRead(f *testing.F) {
	f.Add([]byte(at("01,000", "autorate_rtt_measurement: 1.0ms")+"\n"+at("01,000", "autorate_cycle_total: 1.5ms")), int64(0))
	f.Add([]byte(`{"timestamp":"2026-01-09T15:00:03.030Z","logger":"cake_continuous_wan1","message":"Cycle timing","cycle_total_ms":30.1,"rtt_ms":1}`), int64(50))
	f.Add([]byte("DATA_HEADER; LOG_DATETIME; LOG_TIMESTAMP; REFLECTOR; DL_OWD_US; UL_OWD_US\nDATA; x; 1677672000.1; 9.9.9.9; 1; 2\n"), int64(1))
	f.Add([]byte(at("01,000", "wan1: [RED/RED] RTT=1ms | DL=1M, UL=2M")+"\n"+at("01,000", "Ping 1.1.1.1: 2.5ms (x")), int64(9))
	f.Add([]byte("2026-01-09 15:00:01,000 [steering] [INFO] [A_GOOD] [RED] rtt=1ms drops=1 q=2"), int64(9))
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.UTC
	}
	f.Fuzz(func(t *testing.T, b []byte, interval int64) {
		opts := Options{Zone: zone, Trusted: interval%2 == 0, WAN: "w", Interval: time.Duration(interval) * time.Millisecond}
		var stats Stats
		in := Input{Name: "x", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
		cycles, timings := int64(0), int64(0)
		for c, err := range Read(t.Context(), []Input{in}, opts, &stats) {
			if err != nil {
				break
			}
			cycles++
			timings += int64(len(c.Spans)) + 1
			if c.Run == nil || c.Run.WAN == "" || c.Run.Source == "" || c.Total < 0 || c.Total > maxDuration || c.Missed < 0 || c.Seq < 1 {
				t.Fatalf("cycle %+v", c)
			}
			for _, s := range c.Spans {
				if s.Duration < 0 || s.Duration > maxDuration || s.Offset < 0 || s.Offset > c.Total || s.Label == "" {
					t.Fatalf("span %+v of total %v", s, c.Total)
				}
			}
		}
		if cycles != stats.Cycles || timings != stats.Timings {
			t.Fatalf("%d cycles, %d timings; stats %+v", cycles, timings, stats)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var s strings.Builder
	start := time.Date(2026, 1, 9, 0, 0, 0, 0, time.UTC)
	for i := range 10000 {
		stamp := start.Add(time.Duration(i) * 50 * time.Millisecond).Format("2006-01-02 15:04:05,000")
		for _, m := range []string{
			"Ping 1.1.1.1: 24.30ms (average, count=1)", "autorate_rtt_measurement: 24.9ms", "autorate_ewma_update: 0.1ms",
			"wan1: [GREEN/GREEN] RTT=24.9ms, load_ewma=25.0ms, baseline=25.0ms, delta=-0.0ms | DL=500M, UL=50M", "autorate_cycle_total: 30.1ms",
		} {
			s.WriteString(stamp + " [wan1] [DEBUG] " + m + "\n")
		}
	}
	in := Input{Name: "x", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s.String())), nil }}
	b.ReportAllocs()
	b.SetBytes(int64(s.Len()))
	lines := int64(0)
	for b.Loop() {
		var stats Stats
		for _, err := range Read(b.Context(), []Input{in}, Options{Zone: time.UTC}, &stats) {
			if err != nil {
				b.Fatal(err)
			}
		}
		lines += stats.Lines
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}
