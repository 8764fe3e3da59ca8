package store

import (
	"testing"
	"time"
)

// TestTheFirstMinuteOf1970IsOneLikeOthers: a cycle of it, from a machine that had
// just booted, is 0 in minutes and hours.
func TestTheFirstMinuteOf1970IsOneLikeOthers(t *testing.T) {
	t.Parallel()
	early := func(t *testing.T) (Config, *Writer) {
		cfg := testConfig(t)
		w := NewWriter(cfg, nil)
		t.Cleanup(w.close)
		s := newSampler("wan0", time.Unix(0, 0))
		fill(t, w, s, 1)
		return cfg, w
	}
	t.Run("it can be the newest", func(t *testing.T) {
		t.Parallel()
		cfg, w := early(t)
		r := reading(t, cfg.Path)
		for _, gone := range []string{"", "DELETE FROM cycle", "minute"} {
			if gone == "minute" {
				if did, err := w.file.mergeMinutes(2 * hourUS); err != nil || !did {
					t.Errorf("merged %v, %v", did, err)
				}
			} else if err := w.file.c.exec(gone); err != nil {
				t.Fatal(err)
			}
			if newest, err := r.Newest(t.Context()); err != nil || newest.IsZero() || newest.Unix() != 0 {
				t.Errorf("after %q the newest is %v, %v", gone, newest, err)
			}
			if i, err := r.Info(t.Context()); err != nil || i.Since.IsZero() || i.Since.Unix() != 0 {
				t.Errorf("after %q it begins at %v, %v", gone, i.Since, err)
			}
		}
	})
	t.Run("check looks behind it", func(t *testing.T) {
		t.Parallel()
		cfg, w := early(t)
		fill(t, w, newSampler("wan1", at0), 6000)
		if err := w.file.c.exec("UPDATE cycle SET total_us = total_us + 1 WHERE seq = 3000"); err != nil {
			t.Fatal(err)
		}
		if wrong, err := reading(t, cfg.Path).Check(t.Context(), nil); err != nil || len(wrong) == 0 {
			t.Errorf("found %v, %v", wrong, err)
		}
	})
	t.Run("retention goes on behind it", func(t *testing.T) {
		t.Parallel()
		cfg, w := early(t)
		now := time.Now()
		slow := newSampler("wan1", now.Add(-9*time.Hour))
		slow.Info.Budget = 10 * time.Second
		fill(t, w, slow, 9*360)
		cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = time.Hour, 3*time.Hour, 6*time.Hour
		w.close()
		if _, err := Prune(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		i, err := reading(t, cfg.Path).Info(t.Context())
		if err != nil || now.Sub(i.CyclesSince) > 2*time.Hour || now.Sub(i.Since) > 8*time.Hour || now.Sub(i.ExactSince) > 5*time.Hour {
			t.Errorf("%v: cycles since %v, exact since %v, hours since %v", err, i.CyclesSince, i.ExactSince, i.Since)
		}
	})
	t.Run("it makes room at the bound", func(t *testing.T) {
		t.Parallel()
		cfg, w := early(t)
		w.close()
		cfg.MaxSize = 4 * mib
		w = NewWriter(cfg, nil)
		defer w.close()
		fill(t, w, newSampler("wan1", time.Now().Add(-time.Hour)), 60_000)
		if h := w.Health(); h.Recorded != 60_000 {
			t.Errorf("%+v", h)
		}
	})
}
