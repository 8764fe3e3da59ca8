package site

import (
	"context"
	"time"
)

// gate lets a few work at a time and a few more wait; others are refused at once.
type gate struct {
	inside chan struct{} // a place for each who works
	all    chan struct{} // a place for each who works or waits
	wait   time.Duration // that one waits at most
}

func newGate(working, waiting int, wait time.Duration) *gate {
	return &gate{make(chan struct{}, working), make(chan struct{}, working+waiting), wait}
}

// enter waits for a place to work in; leave gives it back.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.all <- struct{}{}:
	default:
		return nil, errBusy
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.inside <- struct{}{}:
		return func() { <-g.inside; <-g.all }, nil
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	<-g.all
	return nil, err
}
