package cycle

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// PanicError is a panic that was caught on its way up.
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error; the stack is for the log.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Guard calls f and turns a panic into a *PanicError.
func Guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Measurement is one of the things a cycle measures side by side.
type Measurement struct {
	Part Part
	Do   func(ctx context.Context) error
}

// Together takes the measurements side by side, times each as its part, and
// waits for all of them; their deadline is the context's. errs[i] is what became
// of the i-th; a panic in one is its error and harms no other.
func Together(ctx context.Context, t *Timer, ms ...Measurement) (errs []error) {
	errs = make([]error, len(ms))
	var wg sync.WaitGroup
	do := func(i int) {
		errs[i] = t.Measure(ms[i].Part, func() error {
			return Guard(func() error { return ms[i].Do(ctx) })
		})
	}
	for i := 1; i < len(ms); i++ {
		wg.Go(func() { do(i) })
	}
	if len(ms) > 0 {
		do(0)
	}
	wg.Wait()
	return errs
}
