package site

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// desk answers questions. The same question of several askers is answered once,
// and the answer remembered for a little while; work that nobody waits for any
// more is stopped.
//
// Note: golang.org/x/sync/singleflight does not tell the work that its last asker
// has gone.
type desk[T any] struct {
	gate     *gate
	patience time.Duration // for an answer, once its work has begun
	keep     time.Duration // that an answer is remembered
	most     int           // answers remembered or in the making

	working sync.WaitGroup
	mu      sync.Mutex
	answers map[string]*answer[T]
}

// answer is one that is being worked out, or is there.
type answer[T any] struct {
	done    chan struct{} // closed when value and err are set
	value   T
	err     error
	askers  int
	cancel  context.CancelFunc
	forget  *time.Timer // once it is there
	settled bool
}

// ask returns the answer to the question that key names, which work finds. The
// context of work ends when all who ask have gone.
func (d *desk[T]) ask(ctx context.Context, key string, work func(context.Context) (T, error)) (value T, err error) {
	a, err := d.take(ctx, key, work)
	if err != nil {
		return value, err
	}
	defer d.leave(key, a)
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}

// take joins those who wait for the answer, and has it worked out if they are none.
func (d *desk[T]) take(ctx context.Context, key string, work func(context.Context) (T, error)) (*answer[T], error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a := d.answers[key]; a != nil {
		a.askers++
		return a, nil
	}
	if len(d.answers) >= d.most && !d.makeRoom() {
		return nil, errBusy
	}
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a := &answer[T]{done: make(chan struct{}), askers: 1, cancel: cancel}
	if d.answers == nil {
		d.answers = map[string]*answer[T]{}
	}
	d.answers[key] = a
	d.working.Go(func() {
		defer cancel()
		value, err := d.work(working, work)
		d.settle(key, a, value, err)
	})
	return a, nil
}

// makeRoom forgets an answer; false if all are still in the making.
func (d *desk[T]) makeRoom() bool {
	for key, a := range d.answers {
		if a.settled {
			a.forget.Stop()
			delete(d.answers, key)
			return true
		}
	}
	return false
}

func (d *desk[T]) work(ctx context.Context, work func(context.Context) (T, error)) (value T, err error) {
	leave, err := d.gate.enter(ctx)
	if err != nil {
		return value, err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	defer func() {
		if p := recover(); p != nil { // it would end the process, and all other answers
			err = fmt.Errorf("a mistake in this program: %v\n%s", p, debug.Stack())
		}
	}()
	value, err = work(ctx)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return value, err
}

// settle hands the answer out and remembers it, unless it is an error.
func (d *desk[T]) settle(key string, a *answer[T], value T, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a.value, a.err, a.settled = value, err, true
	if err != nil {
		d.drop(key, a)
	} else {
		a.forget = time.AfterFunc(d.keep, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.drop(key, a)
		})
	}
	close(a.done)
}

// leave takes leave of an asker; the last one stops the work.
func (d *desk[T]) leave(key string, a *answer[T]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.askers--; a.askers == 0 && !a.settled {
		a.cancel()
		d.drop(key, a) // who asks now begins anew
	}
}

// drop forgets an answer, unless another has taken its place.
func (d *desk[T]) drop(key string, a *answer[T]) {
	if d.answers[key] == a {
		delete(d.answers, key)
	}
}
