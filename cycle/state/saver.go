package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"
)

// Saver saves a File for a loop, which a slow or hung disk must not hold up: a save
// that is not done in time goes on by itself, and those that are asked for
// meanwhile are refused. At most one save is under way.
type Saver struct {
	File
	busy  chan struct{} // holds a token while a save is under way
	since atomic.Int64  // when it began, unix ns

	unkept atomic.Bool // a bad file is there still, and could not be kept aside
}

// NewSaver returns a Saver of f.
func NewSaver(f File) *Saver { return &Saver{File: f, busy: make(chan struct{}, 1)} }

// hung is after how long a disk is not called slow any more, but hung.
const hung = 5 * time.Second

// Save is File.Save until ctx ends. Then, and at once where a save has taken longer
// than ctx would wait, the error is context.DeadlineExceeded's: this state or an
// earlier one is on its way, and the next one is worth a try. Once that has lasted
// 5 s, it is an error of the disk's. Nobody may change b afterwards.
func (s *Saver) Save(ctx context.Context, b []byte) error { return s.save(ctx, b, s.File.Save) }

// SaveSynced is File.SaveSynced in the same way.
func (s *Saver) SaveSynced(ctx context.Context, b []byte) error {
	return s.save(ctx, b, s.File.SaveSynced)
}

func (s *Saver) save(ctx context.Context, b []byte, write func([]byte) error) error {
	if !s.claim(ctx) {
		return s.late()
	}
	s.since.Store(time.Now().UnixNano())
	done := make(chan error, 1)
	go func() { // ends when the disk answers, at the latest with the process
		err := s.keepBadAside()
		if err == nil {
			err = write(b)
		}
		<-s.busy
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return s.late()
	}
}

// KeepAside is File.KeepAside. Where it fails no save replaces the file, until one
// that comes first has kept it aside.
func (s *Saver) KeepAside() error {
	err := s.File.KeepAside()
	s.unkept.Store(err != nil && !errors.Is(err, fs.ErrNotExist))
	return err
}

// keepBadAside tries again what KeepAside could not do.
func (s *Saver) keepBadAside() error {
	if !s.unkept.Load() {
		return nil
	}
	if err := s.KeepAside(); s.unkept.Load() {
		return fmt.Errorf("save state %s: not over what is there: %w", s.Path, err)
	}
	return nil
}

// claim waits for the save under way, but not for one that has had its time.
func (s *Saver) claim(ctx context.Context) bool {
	select {
	case s.busy <- struct{}{}:
		return true
	default:
	}
	if end, ok := ctx.Deadline(); ok && s.taken() > time.Until(end) {
		return false
	}
	select {
	case s.busy <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// taken is for how long the save under way has lasted.
func (s *Saver) taken() time.Duration { return time.Since(time.Unix(0, s.since.Load())) }

func (s *Saver) late() error {
	taken := s.taken().Round(time.Millisecond)
	if taken >= hung {
		return fmt.Errorf("save state %s: the disk has not answered for %v", s.Path, taken)
	}
	return fmt.Errorf("save state %s: not done after %v: %w", s.Path, taken, context.DeadlineExceeded)
}
