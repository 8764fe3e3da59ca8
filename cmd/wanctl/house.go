package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"wanctl/analyze"
	"wanctl/cycle"
	"wanctl/cycle/icmp"
	"wanctl/cycle/routeros"
	"wanctl/store"
)

// house is what the loops of one process share: the prober, the files they
// record into, and whatever is to be closed after the last cycle.
type house struct {
	opts      daemonOptions
	log       *slog.Logger // of what belongs to no loop
	prober    *icmp.Prober
	loops     []*member
	recorders map[string]recording // by the path of the file
	closers   []io.Closer          // in the order they were made; closed in reverse
	failed    failedCycles
}

// recording is one file that loops record into.
type recording struct {
	config store.Config
	writer *store.Writer
}

// newHouse opens what all loops need.
func newHouse(opts daemonOptions, log *slog.Logger) (*house, error) {
	prober, err := icmp.New(log)
	if err != nil {
		return nil, err
	}
	return &house{opts: opts, log: log, prober: prober, recorders: map[string]recording{}, closers: []io.Closer{prober}}, nil
}

// lock keeps a second daemon from the same WAN or rule, unless nothing is to be
// written to the router.
func (h *house) lock(path string) error {
	if h.opts.dryRun {
		return nil
	}
	lock, err := lockDaemon(path)
	if err == nil {
		h.closers = append(h.closers, lock)
	}
	return err
}

// router returns a connection to a router; nothing is sent before the first
// cycle, or before --reset.
func (h *house) router(config routeros.Config, log *slog.Logger) (*routeros.Client, error) {
	client, err := routeros.New(config, log)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, client)
	return client, nil
}

// recorder returns the writer of the file that a configuration records into;
// nil where nothing is to be recorded. Configurations that name the same file
// share its writer; that they agree on how it is kept, configs.Conflicts has seen to.
func (h *house) recorder(config store.Config) *store.Writer {
	if !config.Enabled {
		return nil
	}
	path := filepath.Clean(config.Path)
	if r, ok := h.recorders[path]; ok {
		return r.writer
	}
	w := store.NewWriter(config, h.log)
	h.recorders[path] = recording{config, w}
	return w
}

// introduction bounds how long a router is asked for its vitals at the start.
const introduction = 2 * time.Second

// newRun describes a loop's run, with what its router tells of itself. A router
// that does not answer does not keep the loop from starting.
func (h *house) newRun(ctx context.Context, d cycle.Daemon, wan string, budget time.Duration, router *routeros.Client) *cycle.Run {
	run := &cycle.Run{Daemon: d, WAN: wan, Started: time.Now(), Version: thisBuild().Version, Budget: budget}
	ctx, cancel := context.WithTimeout(ctx, introduction)
	defer cancel()
	vitals, err := router.Resource(ctx)
	if err != nil {
		h.log.Warn("the router does not tell of itself", "wan", wan, "error", err)
		return run
	}
	about, err := json.Marshal(vitals)
	if err != nil {
		h.log.Warn("the router's vitals are not recorded", "error", err)
	}
	run.Router = string(about)
	return run
}

// daemon is a loop's daemon as the house sees it.
type daemon interface {
	cycle.Turner
	io.Closer // saves what is not saved yet
}

// member is a daemon's loop in the house.
type member struct {
	cycle.Loop
	recorders cycle.Recorders
	watched
}

// add puts a daemon's loop into the house.
func (h *house) add(run *cycle.Run, deadline time.Duration, d daemon, w *store.Writer, log *slog.Logger, as watched) {
	recorders := cycle.Recorders{&h.failed, analyze.NewRolling(log, summaryInterval)}
	if w != nil {
		recorders = append(recorders, newPauses(w, leastPause))
	}
	h.closers = append(h.closers, d)
	h.loops = append(h.loops, &member{
		Loop:      cycle.Loop{Info: run, Deadline: deadline, Daemon: d, Log: log, Cycles: h.opts.cycles},
		recorders: recorders, watched: as,
	})
}

// summaryInterval is the time between two summaries in the log.
const summaryInterval = time.Minute

// run runs the loops until the context is cancelled or all are done, then lets
// the writers drain, on a deadline of their own. Whoever watches goes first.
func (h *house) run(ctx context.Context) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	var watchers, writers, loops errgroup.Group
	for _, w := range h.watchers() {
		watchers.Go(func() error { return h.watch(watching, w) })
	}
	for _, r := range h.recorders {
		r.writer.Begin()
		writers.Go(func() error { return r.writer.Run(writing) })
	}
	for _, l := range h.loops {
		l.Recorder = l.recorders
		loops.Go(func() error { return l.Run(ctx) })
	}
	err := loops.Wait()
	stopWatching()
	stopWriting()
	if err = errors.Join(err, writers.Wait(), watchers.Wait()); err == nil && h.opts.oneshot {
		err = h.verdict(ctx)
	}
	return err
}

// verdict says what --oneshot was no good for: a cycle that failed, or one that was
// good only because nothing was due to be written to a router that is out of reach.
func (h *house) verdict(ctx context.Context) error {
	var errs []error
	if h.failed.Load() > 0 {
		errs = append(errs, errors.New("the cycle failed; its log lines tell why"))
	}
	for _, l := range h.loops {
		if s := l.router.Status(); ctx.Err() == nil && !s.Answered && s.LastError != "" {
			errs = append(errs, fmt.Errorf("%s: the router was not reached: %s (wanctl doctor tells what is in the way)", l.Info.WAN, s.LastError))
		}
	}
	return errors.Join(errs...)
}

// Close closes everything, what was made last first.
func (h *house) Close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		if err := h.closers[i].Close(); err != nil {
			h.log.Warn("not closed cleanly", "error", err)
		}
	}
}

// failedCycles counts the cycles that failed.
type failedCycles struct{ atomic.Int64 }

var _ cycle.Recorder = (*failedCycles)(nil)

// Record implements cycle.Recorder.
func (f *failedCycles) Record(c *cycle.Cycle) {
	if c.Outcome != cycle.OK {
		f.Add(1)
	}
}
