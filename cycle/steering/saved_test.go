package steering

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.congested()
		b.run(3)
		b.deny = errFake
		if err := b.again(false).Reset(t.Context()); err == nil || !strings.Contains(err.Error(), `"steer"`) {
			t.Errorf("a refused reset: %v", err)
		}
		if s := b.again(false); !s.law.Degraded {
			t.Error("a refused reset cleared the state")
		}
		b.deny = nil
		if err := b.again(false).Reset(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := b.again(false).law.State; s.Degraded || len(s.RTTs) > 0 || len(s.Transitions) > 0 || b.rule.Value {
			t.Errorf("the next run begins with %+v, rule on: %t", s, b.rule.Value)
		}
	})
}

func TestStateIsSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		for range 150 { // five minutes of nothing
			b.run(1)
			time.Sleep(2*time.Second - 21*time.Millisecond)
		}
		if b.saves != 5 {
			t.Errorf("%d saves in five idle minutes, want 5", b.saves)
		}
		b.congested()
		if b.run(1); b.saves != 6 || b.syncs != 0 {
			t.Errorf("%d saves, %d synced after a RED, want one more", b.saves, b.syncs)
		}
		if b.run(1); b.saves != 7 || b.syncs != 1 {
			t.Errorf("%d saves, %d synced after a switch, want one more of each", b.saves, b.syncs)
		}
		b.run(1)
		if err := b.Close(); err != nil || b.saves != 8 {
			t.Errorf("%d saves after Close (%v), want 8", b.saves, err)
		}
		if err := b.Close(); err != nil || b.saves != 8 {
			t.Errorf("%d saves after a second Close (%v), want 8", b.saves, err)
		}
		if diff := cmp.Diff(b.law.State, b.again(false).law.State); diff != "" {
			t.Errorf("state after a restart (-want +got):\n%s", diff)
		}
	})
}

func TestSaveFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.fail = errFake
		if b.run(5); b.said("state is not saved") != 1 {
			t.Error("a save that fails was not told of once")
		}
		if err := b.Close(); err == nil {
			t.Error("Close hides that the state is not saved")
		}
		b.fail = nil
		if b.run(1); b.saves != 1 {
			t.Errorf("%d saves once the disk is well again", b.saves)
		}
		b.fail = errFake
		b.congested()
		if b.run(3); b.said("state is not saved") != 1 {
			t.Error("a second failure was not told of once")
		}
	})
}

// TestASlowDiskStillSyncsASwitch has the disk too slow in the very cycle that
// switches the rule: the next save is synced in its place, and nothing is told.
func TestASlowDiskStillSyncsASwitch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.congested()
		b.run(1)
		b.fail = fmt.Errorf("slow: %w", context.DeadlineExceeded)
		if b.run(1); !b.rule.Value || b.syncs != 1 || b.saves != 1 {
			t.Fatalf("rule on: %t, %d tries to sync, %d saves", b.rule.Value, b.syncs, b.saves)
		}
		b.fail = nil
		if b.run(1); b.syncs != 2 || b.saves != 2 {
			t.Errorf("%d tries to sync, %d saves once the disk is quick again", b.syncs, b.saves)
		}
		if b.run(1); b.syncs != 2 || b.said("state is not saved") != 0 {
			t.Errorf("%d tries to sync with nothing switched, told %d times", b.syncs, b.said("state is not saved"))
		}
	})
}

func TestBadStateIsKeptAside(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"truncated": `{"current_state":"WAN1_GOOD","bad_count":0`, "empty": ``, "a list": `[]`, "null": `null`,
		"a field": `{"rtt_delta_ewma":NaN}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t, func(_ *Config, w *world) { w.stored = []byte(text) })
				if len(b.aside) != 1 || string(b.aside[0]) != text {
					t.Errorf("kept aside: %q", b.aside)
				}
				b.run(1)
				if !json.Valid(b.stored) {
					t.Errorf("saved: %s", b.stored)
				}
			})
		})
	}
}

func TestStateAtTheStartIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.congested()
		b.run(2)
		r := NewReplay(b.cfg)
		if err := r.Begin(b.again(false).Restore()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b.law.State, r.law.State); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
	})
}
