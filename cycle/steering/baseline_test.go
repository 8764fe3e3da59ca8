package steering

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"wanctl/cycle"
)

func TestBaselineFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want float64 // ms; 0: none
	}{
		"a number":        {`{"ewma":{"baseline_rtt":31.5}}`, 31.5},
		"text":            {`{"ewma":{"baseline_rtt":" 24.5 "}}`, 24.5},
		"at a bound":      {`{"ewma":{"baseline_rtt":60}}`, 60},
		"above its bound": {`{"ewma":{"baseline_rtt":60.001}}`, 0},
		"negative":        {`{"ewma":{"baseline_rtt":-1}}`, 0},
		"NaN":             {`{"ewma":{"baseline_rtt":NaN}}`, 0},
		"NaN elsewhere":   {`{"ewma":{"baseline_rtt":25,"load_rtt":NaN}}`, 25},
		"text NaN":        {`{"ewma":{"baseline_rtt":"nan"}}`, 0},
		"true":            {`{"ewma":{"baseline_rtt":true}}`, 0},
		"null":            {`{"ewma":null}`, 0},
		"a list":          {`[]`, 0},
		"empty":           {``, 0},
		"truncated":       {`{"ewma":{"baseline_rtt": 2`, 0},
		"no section":      {`{"baseline_rtt":24}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t)
				writeBaseline(t, b.cfg, tt.text)
				d, _, err := turn(b.Steering)
				if d.Baseline.Value != tt.want || d.Baseline.Known != (tt.want > 0) || (err == nil) != (tt.want > 0) {
					t.Errorf("baseline %+v (%v), want %v", d.Baseline, err, tt.want)
				}
				if tt.want == 0 {
					writeBaseline(t, b.cfg, `{"ewma":{"baseline_rtt":20}}`)
					b.run(1)
					writeBaseline(t, b.cfg, tt.text)
					if d := b.run(2); d.Baseline != cycle.Known(20.0) {
						t.Errorf("the last good baseline is not kept: %+v", d.Baseline)
					}
				}
			})
		})
	}
}

func TestBaselineTroubleIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.run(1)
		if err := os.Remove(b.cfg.BaselineFile); err != nil {
			t.Fatal(err)
		}
		b.run(3)
		if n := b.said("baseline RTT cannot be read"); n != 1 {
			t.Errorf("a missing file was told of %d times", n)
		}
		if err := syscall.Mkfifo(b.cfg.BaselineFile, 0o600); err != nil {
			t.Fatal(err)
		}
		if b.run(1); b.said("is no regular file") == 0 {
			t.Error("a pipe in the file's place was not told of")
		}
		if err := os.Remove(b.cfg.BaselineFile); err != nil {
			t.Fatal(err)
		}
		writeBaseline(t, b.cfg, `{"ewma":{"baseline_rtt":20}}`)
		if b.run(2); b.said("baseline RTT is readable again") != 1 {
			t.Error("the end of the trouble was not told once")
		}
		old := time.Now().Add(-staleAfter - time.Second)
		if err := os.Chtimes(b.cfg.BaselineFile, old, old); err != nil {
			t.Fatal(err)
		}
		if d := b.run(3); !d.Baseline.Known || b.said("autorate has not written its state") != 1 {
			t.Error("an old file was not told of once, or not used")
		}
		now := time.Now()
		if err := os.Chtimes(b.cfg.BaselineFile, now, now); err != nil {
			t.Fatal(err)
		}
		if b.run(2); b.said("autorate writes its state again") != 1 {
			t.Error("a fresh file was not told of once")
		}
	})
}

func TestBaselineMovesAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		if b.run(2); b.said("Initialized baseline RTT: 20.00ms") != 1 {
			t.Error("the first baseline was not told of once")
		}
		for _, step := range []struct {
			base string
			line string
			want int
		}{
			{"25", "Baseline RTT updated", 0},
			{"30.1", "Baseline RTT updated: 25.00ms -> 30.10ms", 1},
			{"24", "Baseline RTT updated: 30.10ms -> 24.00ms", 1},
			{"60.001", "Baseline RTT updated", 0},
			{"9.999", "baseline RTT cannot be read; the last good one, if any, stays in use error=", 1},
		} {
			writeBaseline(t, b.cfg, `{"ewma":{"baseline_rtt":`+step.base+`}}`)
			if b.run(2); b.said(step.line) != step.want {
				t.Errorf("baseline %s: %q was not told %d times", step.base, step.line, step.want)
			}
		}
	})
}
