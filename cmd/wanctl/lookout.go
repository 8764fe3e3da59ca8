package main

import (
	"context"
	"errors"
	"os"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report/screen"
	"wanctl/cycle"
	"wanctl/store"
)

// lookout looks at recordings while they are made: at the files, which gain cycles at
// each flush, and at the daemons' crash rings, which have each cycle at once. A look
// reads only what is new, for a bounded time, and what went wrong in it is told and
// tried again in the next.
type lookout struct {
	now     func() time.Time
	options analyze.Options // which loops are wanted
	files   []*watchedFile
	sliding *analyze.Sliding
	window  time.Duration
}

var _ screen.Watcher = (*lookout)(nil)

// watchedFile is one recording and what has been seen of it.
type watchedFile struct {
	path    string
	about   os.FileInfo // of the file that reader has open
	reader  *store.Reader
	live    *store.Live
	state   [2]fileState // of the database and its WAL, when they were last read
	newest  time.Time
	drops   []cycle.Drop
	loops   map[watchedLoop]*progress
	from    time.Time // the file's cycles before are seen
	reading bool      // there are more of them
}

type watchedLoop struct {
	daemon cycle.Daemon
	wan    string
}

// progress is how far a loop has been seen. Its cycles count on within a run, and are
// in the ring and then in the file: one that does not count on has been seen.
type progress struct {
	started int64 // of its run, us
	seq     int64
	start   time.Time
	live    bool // it came from a ring
}

// fileState changes when a file is written.
type fileState struct {
	written time.Time
	size    int64
}

const (
	// lookFor bounds the reading of one look at one file, and of one transaction.
	lookFor = 300 * time.Millisecond
	// chunk is how much of a recording is read in one transaction.
	chunk = 5 * time.Minute
)

// newLookout returns a lookout on files, which need not be there yet.
func newLookout(now func() time.Time, o analyze.Options, paths ...string) *lookout {
	w := &lookout{now: now, options: o}
	for _, path := range paths {
		w.files = append(w.files, &watchedFile{path: path, live: store.NewLive(path)})
	}
	return w
}

// Close ends the lookout.
func (w *lookout) Close() {
	for _, f := range w.files {
		f.live.Close()
		f.close()
	}
}

// Look implements screen.Watcher.
func (w *lookout) Look(ctx context.Context, window time.Duration) screen.Snapshot {
	if w.sliding == nil || window != w.window {
		w.sliding, w.window = analyze.NewSliding(window), window
		for _, f := range w.files { // begin anew
			f.live.Close()
			f.loops, f.state, f.from, f.reading = map[watchedLoop]*progress{}, [2]fileState{}, time.Time{}, true
		}
	}
	s := screen.Snapshot{Window: window}
	var drops []cycle.Drop
	live := map[watchedLoop]bool{}
	for _, f := range w.files {
		s.Files = append(s.Files, w.look(ctx, f))
		drops = append(drops, f.drops...)
		for k, p := range f.loops {
			live[k] = live[k] || p.live
		}
	}
	for _, r := range w.sliding.Loops(drops) {
		s.Loops = append(s.Loops, screen.Loop{Recent: r, Live: live[watchedLoop{r.Daemon, r.WAN}]})
	}
	s.At = w.now()
	return s
}

// look looks at one file and the daemons that write it. First the rings are found,
// then the file is read, then the rings: so no flush takes a cycle away unseen.
func (w *lookout) look(ctx context.Context, f *watchedFile) screen.File {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	told := screen.File{Path: f.path}
	rings, err := f.live.Find()
	if err != nil {
		told.Unseen = "not seen live: " + err.Error()
	}
	switch err := w.read(ctx, f); {
	case errors.Is(err, os.ErrNotExist):
		told.Trouble = "the file is not there yet: waiting for it"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
	case err != nil:
		told.Trouble = err.Error() + "; trying again"
	}
	if f.reading && told.Trouble == "" {
		told.Loading = f.from
		if told.Loading.IsZero() {
			told.Loading = w.now().Add(-w.window)
		}
	} else if err := f.live.Cycles(func(c *cycle.Cycle) { w.take(f, c, true) }); err != nil {
		told.Unseen = "not seen live: " + err.Error()
	}
	told.Rings, told.Newest = rings, f.newest
	return told
}

// take enters a cycle, unless it has been seen.
func (w *lookout) take(f *watchedFile, c *cycle.Cycle, live bool) {
	if !w.wants(c.Run) {
		return
	}
	k, started := watchedLoop{c.Run.Daemon, c.Run.WAN}, c.Run.Started.UnixMicro()
	p := f.loops[k]
	if now := w.now(); p == nil || p.start.After(now.Add(time.Second)) && c.Start.Before(now) { // the clock was set back
		p = new(progress)
		f.loops[k] = p
	} else if started < p.started || started == p.started && c.Seq <= p.seq {
		return
	}
	*p = progress{started: started, seq: c.Seq, start: c.Start, live: live}
	for _, other := range w.files { // where two files tell of one loop the later run counts
		if q := other.loops[k]; other != f && q != nil && (q.started > started || q.started == started && q.seq >= c.Seq) {
			return
		}
	}
	_ = w.sliding.Add(c) // it has a run, and there are not too many
}

// read reads what is new in the file; os.ErrNotExist reports one that is not there.
func (w *lookout) read(ctx context.Context, f *watchedFile) error {
	about, err := os.Stat(f.path)
	if err != nil {
		f.close()
		return err
	}
	if f.about != nil && !os.SameFile(about, f.about) {
		f.close() // it was replaced
	}
	if f.reader == nil {
		if f.reader, err = store.OpenReader(ctx, f.path); err != nil {
			return err
		}
		f.about, f.state = about, [2]fileState{}
	}
	state := [2]fileState{stateOf(f.path), stateOf(f.path + "-wal")}
	if state == f.state && !f.reading {
		return nil // nobody has written it
	}
	if err := w.readNew(ctx, f); err != nil {
		return err
	}
	f.state = [2]fileState{}
	if settled(state, w.now()) {
		f.state = state // taken before: what was written meanwhile is read the next time
	}
	return nil
}

// settling is for how long a file that was written is read again: a commit is seen
// by others only after its bytes have been written and have reached the disk.
const settling = 3 * time.Second

// settled tells whether a file's last write is long ago.
func settled(state [2]fileState, now time.Time) bool {
	for _, s := range state {
		if age := now.Sub(s.written); age < settling && age > -settling {
			return false
		}
	}
	return true
}

// readNew reads the file's cycles from where every loop has been seen, in pieces, and
// what was dropped in the window.
func (w *lookout) readNew(ctx context.Context, f *watchedFile) (err error) {
	if f.newest, err = f.reader.Newest(ctx); err != nil {
		return err
	}
	end := f.newest.Add(time.Microsecond)
	oldest := end.Add(-w.window)
	if !f.reading {
		if f.from, err = w.unseen(ctx, f, cycle.Window{Since: oldest, Until: end}); err != nil {
			return err
		}
		f.reading = true
	}
	if f.from.Before(oldest) {
		f.from = oldest
	}
	for f.from.Before(end) {
		until := f.from.Add(chunk)
		if until.After(end) {
			until = end
		}
		for c, err := range f.reader.Cycles(ctx, cycle.Window{Since: f.from, Until: until}) {
			if err != nil {
				return err
			}
			w.take(f, c, false)
			f.from = c.Start
		}
		f.from = until
	}
	f.reading = false
	f.drops, err = f.reader.Drops(ctx, cycle.Window{Since: oldest, Until: w.now().Add(time.Hour)})
	return err
}

// unseen returns from where on there may be cycles in the file that have not been
// seen. Loops are flushed at different times, so what is new of one may be older
// than what has been seen of another.
func (w *lookout) unseen(ctx context.Context, f *watchedFile, in cycle.Window) (from time.Time, err error) {
	from = in.Until
	earlier := func(t time.Time) {
		if t.Before(from) {
			from = t
		}
	}
	for _, p := range f.loops {
		earlier(p.start)
	}
	runs, err := f.reader.Runs(ctx, in)
	for _, r := range runs {
		if p := f.loops[watchedLoop{r.Daemon, r.WAN}]; w.wants(r) && (p == nil || p.started < r.Started.UnixMicro()) {
			earlier(r.Started)
		}
	}
	return from, err
}

// wants tells whether a run is of a loop that was asked for.
func (w *lookout) wants(r *cycle.Run) bool {
	return (w.options.Daemon == "" || r.Daemon == w.options.Daemon) && (w.options.WAN == "" || r.WAN == w.options.WAN)
}

// close closes the file; its cycles so far are still seen.
func (f *watchedFile) close() {
	if f.reader != nil {
		_ = f.reader.Close() // it only read
	}
	f.reader, f.about = nil, nil
}

func stateOf(path string) fileState {
	about, err := os.Stat(path)
	if err != nil {
		return fileState{}
	}
	return fileState{about.ModTime(), about.Size()}
}
