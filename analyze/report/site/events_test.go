package site

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// growing is a recording of which only the newest record is asked for.
type growing struct {
	Recording
	newest func() (time.Time, error)
}

func (g growing) Newest(context.Context) (time.Time, error) { return g.newest() }
func (growing) Close() error                                { return nil }

func follow(newest func() (time.Time, error)) *Site {
	config := of("growing.db")
	config.Open = func(context.Context, string) (Recording, error) { return growing{newest: newest}, nil }
	return New(config)
}

// told is what was sent, as times since the begin.
type told struct {
	*httptest.ResponseRecorder
	began       time.Time
	news, signs []time.Duration
	newest      []time.Time
	deadline    time.Time
	fails       error
}

func (l *told) Write(b []byte) (int, error) {
	if !l.deadline.Equal(time.Now().Add(writePatience)) {
		return 0, errors.New("written without a deadline")
	}
	if l.fails != nil {
		return 0, l.fails
	}
	at := time.Since(l.began)
	if data, ok := strings.CutPrefix(string(b), "event: news\ndata: "); ok && strings.HasSuffix(data, "\n\n") {
		var n news
		if err := json.Unmarshal([]byte(data), &n); err != nil {
			return 0, err
		}
		l.news, l.newest = append(l.news, at), append(l.newest, n.Newest)
	} else if string(b) == ":\n\n" {
		l.signs = append(l.signs, at)
	} else {
		return 0, errors.New("not an event: " + string(b))
	}
	return len(b), nil
}

func (l *told) SetWriteDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

func listen(t *testing.T, s *Site, length time.Duration) *told {
	t.Helper()
	l := &told{ResponseRecorder: httptest.NewRecorder(), began: time.Now()}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	if err := s.tell(ctx, newPatient(l)); err != nil {
		t.Error(err)
	}
	s.pulses.working.Wait()
	return l
}

func TestNewsComeWhenThereAreRecords(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		// The daemons write once a minute.
		s := follow(func() (time.Time, error) { return began.Add(time.Since(began).Truncate(time.Minute)), nil })
		l := listen(t, s, 150*time.Second)
		if len(l.news) != 3 || l.news[0] != 0 {
			t.Fatalf("news at %v", l.news)
		}
		for i, at := range l.news {
			due := time.Duration(i) * time.Minute
			if at < due || at > due+2*pulse || !l.newest[i].Equal(began.Add(due)) {
				t.Errorf("news at %v tell of %v, due at %v", at, l.newest[i].Sub(began), due)
			}
		}
		if len(l.signs) < 6 {
			t.Errorf("signs of life at %v", l.signs)
		}
		all := append(append([]time.Duration{0}, l.news...), l.signs...)
		for _, at := range all {
			next := 150 * time.Second
			for _, other := range all {
				if other > at {
					next = min(next, other)
				}
			}
			if next-at > heartbeat+pulse {
				t.Errorf("silence from %v to %v", at, next)
			}
		}
	})
}

func TestNothingNewIsNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := follow(func() (time.Time, error) { looks++; return fourteen, nil })
		if l := listen(t, s, 10*time.Minute); len(l.news) != 1 || len(l.signs) != 37 {
			t.Errorf("%d news, %d signs of life", len(l.news), len(l.signs))
		}
		if looks > int(10*time.Minute/pulse)+1 {
			t.Errorf("looked %d times", looks)
		}
	})
}

func TestNewsAreNotSentMoreOftenThanThePulse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := follow(func() (time.Time, error) { return time.Now(), nil })
		if l := listen(t, s, time.Minute); len(l.news) > int(time.Minute/pulse)+1 { // one at the very begin
			t.Errorf("%d news in a minute", len(l.news))
		}
	})
}

func TestManyWhoListenAreOneWhoLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := follow(func() (time.Time, error) { looks++; return fourteen, nil })
		var all sync.WaitGroup
		for range maxStreams {
			all.Go(func() { listen(t, s, time.Minute) })
		}
		all.Wait()
		if looks > int(time.Minute/pulse)+2 {
			t.Errorf("looked %d times in a minute", looks)
		}
	})
}

func TestALineIsKeptWhileTheFileCannotBeRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := follow(func() (time.Time, error) {
			if time.Since(began) < time.Minute {
				return time.Time{}, errors.New("locked")
			}
			return fourteen, nil
		})
		l := listen(t, s, 2*time.Minute)
		if len(l.news) != 1 || l.news[0] < time.Minute || len(l.signs) < 6 || l.signs[0] != 0 {
			t.Errorf("news at %v, signs of life at %v", l.news, l.signs)
		}
	})
}

func TestAClientThatTakesNothingIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := follow(func() (time.Time, error) { return fourteen, nil })
		l := &told{ResponseRecorder: httptest.NewRecorder(), fails: os.ErrDeadlineExceeded}
		began := time.Now()
		if err := s.tell(t.Context(), newPatient(l)); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestLivePagesAreBoundedAndEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := follow(func() (time.Time, error) { return fourteen, nil })
		began := time.Now()
		var all sync.WaitGroup
		for range maxStreams {
			all.Go(func() {
				if got := ask(s, "/events"); got.Code != 200 || got.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
					t.Errorf("answered %d, %v", got.Code, got.Header())
				}
			})
		}
		synctest.Wait()
		if got := ask(s, "/events"); got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "15" {
			t.Errorf("one more is answered %d, %v", got.Code, got.Header())
		}
		all.Wait()
		if took := time.Since(began); took != streamLife {
			t.Errorf("they ended after %v", took)
		}
		if len(s.streams) != 0 {
			t.Errorf("%d places are taken", len(s.streams))
		}
	})
}

// serving runs a site on a port of its own; the function it returns ends it and
// tells how long that took.
func serving(t *testing.T, s *Site) (base string, end func() time.Duration) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	end = sync.OnceValue(func() time.Duration {
		began := time.Now()
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("served: %v", err)
		}
		return time.Since(began)
	})
	t.Cleanup(func() { end() })
	return "http://" + l.Addr().String(), end
}

func TestTheEndOfTheProgramEndsLivePages(t *testing.T) {
	t.Parallel()
	base, end := serving(t, New(of(recorded(t))))
	answer, err := http.Get(base + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	if !lines.Scan() || lines.Text() != "event: news" || !lines.Scan() || !strings.Contains(lines.Text(), `"newest":"2026-01-09T14:02:5`) {
		t.Fatalf("%q, %v", lines.Text(), lines.Err())
	}
	if took := end(); took > farewell {
		t.Errorf("it took %v", took)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	if _, err := http.Get(base + "/"); err == nil {
		t.Error("it is still served")
	}
}

func TestTheEndOfTheProgramWaitsForNoSlowAnswer(t *testing.T) {
	t.Parallel()
	config := of(recorded(t))
	reading := make(chan struct{}, 10)
	config.Open = slowly(reading)
	base, end := serving(t, New(config))
	var asking sync.WaitGroup
	asking.Go(func() {
		if answer, err := http.Get(base + "/api/analysis"); err == nil {
			defer answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				t.Error("answered as if all were well")
			}
		}
	})
	<-reading
	if took := end(); took > farewell+2*time.Second {
		t.Errorf("it took %v", took)
	}
	asking.Wait()
	http.DefaultClient.CloseIdleConnections()
}
