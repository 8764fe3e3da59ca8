package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wanctl/cycle"
)

func newDesk(waiting int) *desk[string] {
	return &desk[string]{gate: newGate(1, waiting, 10*time.Second), patience: time.Minute, keep: 5 * time.Second, most: 8}
}

// working takes so long to answer, unless it is stopped.
func working(d time.Duration, n *atomic.Int64) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(d):
			return fmt.Sprint("answer ", n.Add(1)), nil
		case <-ctx.Done():
			return "", fmt.Errorf("read: %w", context.Cause(ctx))
		}
	}
}

func TestTheSameQuestionIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		var n atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, err := d.ask(t.Context(), "q", working(time.Second, &n)); got != "answer 1" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
		time.Sleep(4 * time.Second)
		if got, _ := d.ask(t.Context(), "q", working(time.Second, &n)); got != "answer 1" {
			t.Errorf("%q: it is not remembered", got)
		}
		if got, _ := d.ask(t.Context(), "another", working(time.Second, &n)); got != "answer 2" {
			t.Errorf("%q for another question", got)
		}
		time.Sleep(5 * time.Second)
		if got, _ := d.ask(t.Context(), "q", working(time.Second, &n)); got != "answer 3" {
			t.Errorf("%q: it is remembered for too long", got)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(d.answers) != 0 {
			t.Errorf("%d answers are kept for nobody", len(d.answers))
		}
	})
}

func TestOneWorksAFewWaitTheRestIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(3)
		var n, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				began := time.Now()
				_, err := d.ask(t.Context(), fmt.Sprint(i), working(3*time.Second, &n))
				if errors.Is(err, errBusy) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
				if took := time.Since(began); err != nil && took > 10*time.Second {
					t.Errorf("refused after %v", took)
				}
			})
		}
		all.Wait()
		// One works for 3 s, three more each after the other; two find no place.
		if n.Load() != 4 || refused.Load() != 2 {
			t.Errorf("%d were answered, %d refused", n.Load(), refused.Load())
		}
	})
}

func TestWaitingHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(3)
		var n atomic.Int64
		var all sync.WaitGroup
		all.Go(func() { _, _ = d.ask(t.Context(), "long", working(30*time.Second, &n)) })
		synctest.Wait()
		began := time.Now()
		if _, err := d.ask(t.Context(), "q", working(time.Second, &n)); !errors.Is(err, errBusy) || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		all.Wait()
	})
}

func TestAnAnswerHasATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		var n atomic.Int64
		began := time.Now()
		_, err := d.ask(t.Context(), "q", working(time.Hour, &n))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if why := refused(err); why.status != http.StatusServiceUnavailable || why.retry == 0 || !strings.Contains(why.Error(), "shorter window") {
			t.Errorf("%d: %v", why.status, why)
		}
	})
}

func TestWorkEndsWithItsLastAsker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		var n atomic.Int64
		stopped := make(chan time.Time, 1)
		work := func(ctx context.Context) (string, error) {
			v, err := working(30*time.Second, &n)(ctx)
			stopped <- time.Now()
			return v, err
		}
		began := time.Now()
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				if _, err := d.ask(ctx, "q", work); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("asker %d: %v", i, err)
				}
			})
		}
		all.Wait()
		if at := (<-stopped).Sub(began); at != 3*time.Second {
			t.Errorf("the work was stopped after %v, the last asker left after 3s", at)
		}
		if got, err := d.ask(t.Context(), "q", working(time.Second, &n)); got != "answer 1" || err != nil {
			t.Errorf("who asks after that gets %q, %v", got, err)
		}
	})
}

func TestAnErrorIsNotRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		broken := errors.New("broken")
		if _, err := d.ask(t.Context(), "q", func(context.Context) (string, error) { return "", broken }); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		if _, err := d.ask(t.Context(), "q", func(context.Context) (string, error) { panic("a mistake") }); err == nil || !strings.Contains(err.Error(), "a mistake") {
			t.Errorf("%v", err)
		}
		var n atomic.Int64
		if got, err := d.ask(t.Context(), "q", working(time.Second, &n)); got != "answer 1" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		var n atomic.Int64
		for i := range 50 {
			if _, err := d.ask(t.Context(), fmt.Sprint(i), working(time.Millisecond, &n)); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if len(d.answers) > d.most {
			t.Errorf("%d answers are kept", len(d.answers))
		}
	})
}

// slow is a recording whose reading takes until it is stopped.
type slow struct {
	Recording
	reading chan struct{} // told at the begin of each reading
}

func (s *slow) Runs(ctx context.Context, _ cycle.Window) ([]*cycle.Run, error) {
	s.reading <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *slow) Covered(ctx context.Context, w cycle.Window) ([]cycle.Window, error) {
	_, err := s.Runs(ctx, w)
	return nil, err
}

// slowly opens recordings that take until they are stopped.
func slowly(reading chan struct{}) func(context.Context, string) (Recording, error) {
	return func(ctx context.Context, path string) (Recording, error) {
		r, err := openReader(ctx, path)
		return &slow{r, reading}, err
	}
}

func TestTooManyQuestionsAreToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	config := of(recorded(t))
	reading := make(chan struct{}, 100)
	config.Open = slowly(reading)
	s := New(config)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 1 + maxWaiting {
		all.Go(func() {
			ask(s, fmt.Sprintf("/api/analysis?since=%dm", i+1), func(r *http.Request) { *r = *r.WithContext(ctx) })
		})
	}
	<-reading // one is at work
	for len(s.analyses.gate.all) < 1+maxWaiting {
		time.Sleep(time.Millisecond)
	}
	for _, address := range []string{"/api/analysis?since=2h", "/?since=2h", "/summary.csv?since=2h", "/report.html?since=2h"} {
		got := ask(s, address)
		if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "2" || got.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s is answered %d, %v", address, got.Code, got.Header())
		}
	}
	// The daemons' news, and small things, are there all the same.
	if got := ask(s, "/favicon.svg"); got.Code != 200 {
		t.Errorf("answered %d", got.Code)
	}
	cancel()
	all.Wait()
	s.analyses.working.Wait()
	if len(reading) > maxWaiting || len(s.analyses.gate.all) != 0 {
		t.Errorf("%d more began to read; %d are at work", len(reading), len(s.analyses.gate.all))
	}
}

func TestAnAnswerThatTakesTooLongIsGivenUp(t *testing.T) {
	t.Parallel()
	config := of(recorded(t))
	config.Open, config.Patience = slowly(make(chan struct{}, 10)), 30*time.Millisecond
	got := ask(New(config), "/api/analysis?since=2h")
	if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") == "" || !strings.Contains(got.Body.String(), "took too long") {
		t.Errorf("answered %d, %v, %s", got.Code, got.Header(), got.Body)
	}
}
