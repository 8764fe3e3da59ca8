package state

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestASlowDiskHoldsUpNobody saves every 50 ms, each time waiting 5 ms at most, on a
// disk that takes a while.
func TestASlowDiskHoldsUpNobody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		disk     time.Duration // for one save
		saved    int           // of 400 saves, in 20 s
		late     int
		hung     int
		patience time.Duration // all in all
	}{
		{"fast", time.Millisecond, 400, 0, 0, 400 * time.Millisecond},
		{"slow", 120 * time.Millisecond, 0, 400, 0, 134 * 5 * time.Millisecond},
		{"hung", time.Hour, 0, 100, 300, 5 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := NewSaver(File{Path: "wan1_state.json"})
				var disk string
				saved, late, hung, waited := 0, 0, 0, time.Duration(0)
				save := func(patience time.Duration, text string) error {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					began := time.Now()
					err := s.save(ctx, []byte(text), func(b []byte) error {
						time.Sleep(tc.disk)
						disk = string(b)
						return nil
					})
					waited += time.Since(began)
					return err
				}
				for next := time.Now(); saved+late+hung < 400; {
					switch err := save(5*time.Millisecond, "older"); {
					case err == nil:
						saved++
					case errors.Is(err, context.DeadlineExceeded):
						late++
					case strings.Contains(err.Error(), "has not answered for"):
						hung++
					default:
						t.Fatal(err)
					}
					next = next.Add(50 * time.Millisecond)
					time.Sleep(time.Until(next))
				}
				if saved != tc.saved || late != tc.late || hung != tc.hung || waited != tc.patience {
					t.Errorf("%d saved, %d late, %d hung, waited for %v; want %d, %d, %d, %v", saved, late, hung, waited, tc.saved, tc.late, tc.hung, tc.patience)
				}
				// At the end there is time, and the newest state is the one that stays.
				if err := save(5*time.Second, "newest"); (err == nil) != (tc.name != "hung") {
					t.Errorf("the last save: %v", err)
				}
				if tc.name != "hung" && disk != "newest" {
					t.Errorf("the disk holds the %s state", disk)
				}
				time.Sleep(tc.disk) // the save under way ends
			})
		})
	}
}

func TestASaversErrorsAreTheFiles(t *testing.T) {
	t.Parallel()
	s := NewSaver(File{Path: "/dev/null/wan1_state.json"})
	for range 2 { // the first has let go
		if err := s.SaveSynced(t.Context(), []byte("{}")); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
}
