package site

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wanctl/cycle"
	"wanctl/store"
	"wanctl/store/storetest"
)

// sharedFolder holds the recording that most tests read and none writes.
var sharedFolder string

func TestMain(m *testing.M) {
	var err error
	if sharedFolder, err = os.MkdirTemp("", "wanctl-site"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(sharedFolder)
		os.Exit(code)
	}))
}

// fourteen is when the recordings of these tests begin, and fixed is the query of a
// window that holds them,
var fourteen = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// brief that of one with a few.
const (
	fixed = "since=2026-01-09T14:00:00Z&until=2026-01-09T14:10:00Z"
	brief = "since=2026-01-09T14:00:00Z&until=2026-01-09T14:00:10Z"
)

// record records n cycles at 20 Hz of a run that began at fourteen, from so many on.
func record(t testing.TB, path string, from, n int) {
	t.Helper()
	recordSince(t, path, fourteen, from, n)
}

func recordSince(t testing.TB, path string, began time.Time, from, n int) {
	t.Helper()
	s := storetest.NewSampler("wan1", began, 7)
	s.Info.Source = "test"
	cfg := store.DefaultConfig()
	cfg.Path = path
	_, err := store.Import(t.Context(), cfg, func(yield func(*cycle.Cycle, error) bool) {
		for i := range from + n {
			if c := s.Next(); i >= from && !yield(c, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// recorded returns the path of a recording of three minutes, not to be written.
func recorded(t testing.TB) string {
	t.Helper()
	path := filepath.Join(sharedFolder, "profile.db")
	once.Do(func() { record(t, path, 0, 3600) })
	return path
}

var once sync.Once

func openReader(ctx context.Context, path string) (Recording, error) {
	return store.OpenReader(ctx, path)
}

// of returns the configuration of a site of recordings.
func of(paths ...string) Config { return Config{Databases: paths, Open: openReader} }

// ask asks a site for an address; edits change the request.
func ask(s *Site, address string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.Host = "localhost:9102"
	for _, edit := range edits {
		edit(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// moveAside renames a file, if it is there.
func moveAside(path string) error {
	if err := os.Rename(path, path+".broken"); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// recordTwo records two minutes of two WANs.
func recordTwo(t testing.TB, path string, began time.Time) {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Path = path
	for i, wan := range []string{"fibre", "lte"} {
		s := storetest.NewSampler(wan, began.Add(time.Duration(i)*time.Millisecond), uint64(i))
		s.Info.Source = "test"
		if _, err := store.Import(t.Context(), cfg, func(yield func(*cycle.Cycle, error) bool) {
			for range 2400 {
				if !yield(s.Next(), nil) {
					return
				}
			}
		}, nil); err != nil {
			t.Fatal(err)
		}
	}
}
