package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxLogQueue = 1 << 20     // bytes of lines that wait for one output
	logWrite    = 64 << 10    // bytes of one write, about
	logComplain = time.Minute // least time between two complaints about an output
)

// logTarget is what an output writes to.
type logTarget interface {
	Write(p []byte) (int, error)
	Close() error
	String() string
}

// logOutput hands lines to a target in a goroutine of its own. Lines wait in a
// bounded queue; what does not fit is counted as dropped, and the target is told
// so as soon as it takes lines again.
type logOutput struct {
	target   logTarget
	note     func(dropped int64) []byte // the line that tells of dropped ones
	complain func(error)                // may be nil

	mu      sync.Mutex
	queue   [][]byte
	size    int
	writing int // lines that a write has taken
	dropped int64
	over    bool

	wake chan struct{}
	done chan struct{}

	torn       bool      // a write ended in the middle of a line
	complained time.Time // the last time
}

func newLogOutput(target logTarget, note func(dropped int64) []byte, complain func(error)) *logOutput {
	o := &logOutput{target: target, note: note, complain: complain, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run()
	return o
}

// add leaves a line, which nobody changes any more, to be written.
func (o *logOutput) add(line []byte) {
	o.mu.Lock()
	if o.over || o.size+len(line) > maxLogQueue {
		o.dropped++
	} else {
		o.queue = append(o.queue, line)
		o.size += len(line)
	}
	o.mu.Unlock()
	o.rouse()
}

func (o *logOutput) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// close writes what is queued, until the context ends, and reports what was not
// written and could not be told.
func (o *logOutput) close(ctx context.Context) error {
	o.mu.Lock()
	o.over = true
	o.mu.Unlock()
	o.rouse()
	select {
	case <-o.done:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost := o.dropped + int64(len(o.queue)+o.writing); lost > 0 {
		return fmt.Errorf("%d log lines were not written to %v", lost, o.target)
	}
	return nil
}

func (o *logOutput) run() {
	defer close(o.done)
	defer o.target.Close()
	for range o.wake {
		for {
			lines, over := o.take()
			if len(lines) == 0 {
				if over {
					return
				}
				break
			}
			o.write(lines)
		}
	}
}

// take returns about as many of the oldest lines as one write is to have.
func (o *logOutput) take() (lines [][]byte, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.queue) && size < logWrite {
		size += len(o.queue[n])
		n++
	}
	lines, o.queue = o.queue[:n:n], o.queue[n:]
	if len(o.queue) == 0 {
		o.queue = nil // lets go of the array
	}
	o.size -= size
	o.writing = n
	return lines, o.over
}

// write writes lines at once, so that none is torn by another writer's.
func (o *logOutput) write(lines [][]byte) {
	o.mu.Lock()
	dropped := o.dropped
	o.mu.Unlock()
	var batch []byte
	if o.torn {
		batch = append(batch, '\n')
	}
	if dropped > 0 {
		batch = append(batch, o.note(dropped)...)
	}
	ends := len(batch) // of the line before
	batch = append(batch, bytes.Join(lines, nil)...)
	n, err := o.target.Write(batch)
	if n > 0 {
		o.torn = batch[n-1] != '\n'
	}
	if n < ends {
		dropped = 0 // which is yet to be told
	}
	for _, line := range lines {
		if ends += len(line); ends > n {
			dropped--
		}
	}
	o.mu.Lock()
	o.dropped -= dropped
	o.writing = 0
	o.mu.Unlock()
	if err != nil && o.complain != nil && time.Since(o.complained) >= logComplain {
		o.complained = time.Now()
		o.complain(err)
	}
}

// writerTarget is a stream that is not ours to close.
type writerTarget struct{ io.Writer }

func (writerTarget) Close() error   { return nil }
func (writerTarget) String() string { return "stderr" }
