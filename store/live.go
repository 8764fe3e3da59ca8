package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"wanctl/cycle"
)

// Live looks on while daemons record into a file: it yields cycles as soon as they
// are handed over, up to a flush interval before the file has them. It reads the
// daemons' crash rings, which are copies of what waits to be written, and does
// nothing else to them:
//
//   - It takes no lock, so that a daemon which starts meanwhile sees as well as
//     before which rings belong to nobody. It opens them for reading only.
//   - It reads with read(2) and not through a mapping, so that a ring that is cut or
//     removed is a short read, not a fault.
//   - The owner does not know of it and never waits for it. A frame that is being
//     written fails its checksum, which covers its position too, and is read the
//     next time; so does one of an earlier turn of the ring.
//
// Rings are readable to their owner's user and to root. A Live belongs to one
// goroutine and is closed by it.
type Live struct {
	path  string
	about os.FileInfo // of the database, where it is there
	dirs  []string
	rings map[string]*liveRing
}

// liveRing is a ring of which some has been read.
type liveRing struct {
	file    *os.File
	size    uint64
	pos     uint64 // the next frame
	waited  bool   // once, for the run of the frame there
	ring    []byte // what was read, at its places: what is checked is what is used
	records records
	runs    int64 // bytes of runs that were read
}

// liveChunk is read at once; a whole frame fits in it.
const liveChunk = 64 << 10

// maxLiveRing bounds the memory for a ring that another version has made.
const maxLiveRing = 64 << 20

var (
	errOtherRing = errors.New("another version of wanctl has made it")
	errCut       = errors.New("it was cut short")
)

// NewLive returns a Live for the database at path. The rings are looked for where
// daemons make them: in the folders of $RUNTIME_DIRECTORY, else in /run/wanctl.
// That there are none is no error.
func NewLive(path string) *Live {
	dirs := filepath.SplitList(os.Getenv("RUNTIME_DIRECTORY"))
	if len(dirs) == 0 {
		dirs = []string{defaultRuntime}
	}
	return newLive(path, dirs...)
}

func newLive(path string, dirs ...string) *Live {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return &Live{path: path, dirs: dirs, rings: map[string]*liveRing{}}
}

// Find looks for rings of daemons that were not there before, and forgets those
// that are gone; it returns how many there are. An error tells of rings that may
// not or cannot be read; the others are read all the same.
//
// Whoever reads the file after Find and calls Cycles after that sees every cycle:
// from the first moment on that a ring is known, no flush takes one away unseen.
func (l *Live) Find() (n int, err error) {
	l.about, _ = os.Stat(l.path) // a ring may be older than its database
	var errs []error
	found := map[string]bool{}
	for _, dir := range l.dirs {
		names, _ := filepath.Glob(filepath.Join(dir, "*"+mirrorSuffix))
		for _, name := range names {
			if l.rings[name] == nil {
				r, err := l.open(name)
				switch {
				case errors.Is(err, os.ErrNotExist):
					continue // its owner has just ended
				case err != nil:
					errs = append(errs, fmt.Errorf("crash ring %s: %w", name, err))
					continue
				case r == nil:
					continue
				}
				l.rings[name] = r
			}
			found[name] = true
		}
	}
	for name, r := range l.rings {
		if !found[name] && r.drained() {
			r.close()
			delete(l.rings, name)
		}
	}
	return len(l.rings), errors.Join(errs...)
}

// open opens a ring; nil if it belongs to another database.
func (l *Live) open(name string) (_ *liveRing, err error) {
	f, info, err := cycle.OpenPlain(name)
	if err != nil {
		return nil, errors.Unwrap(err) // without the path, which is told
	}
	r := &liveRing{file: f}
	defer func() {
		if err != nil || r.size == 0 {
			r.close()
		}
	}()
	head := make([]byte, runsAt)
	if err := r.readAt(head, 0); err != nil {
		return nil, err
	}
	if string(head[:len(mirrorMagic)]) != mirrorMagic {
		return nil, errOtherRing
	}
	if !l.means(ringPath(head)) {
		return nil, nil
	}
	size := binary.LittleEndian.Uint64(head[8:])
	if size == 0 || size > maxLiveRing || size%8 != 0 || uint64(info.Size()) != ringAt+size {
		return nil, errOtherRing
	}
	r.size, r.ring = size, make([]byte, size)
	r.pos, err = r.tail()
	return r, err
}

// means tells whether a path is that of our database.
func (l *Live) means(path string) bool {
	if path == l.path {
		return true
	}
	if l.about == nil {
		return false
	}
	about, err := os.Stat(path)
	return err == nil && os.SameFile(about, l.about)
}

// Cycles calls each for the cycles that were handed over since they were last
// asked for, a ring after the other, each in the order in which its cycles ended.
// The value is used again for the next one. After an error a ring is begun anew by
// Find, and cycles of it may come twice.
func (l *Live) Cycles(each func(*cycle.Cycle)) error {
	var errs []error
	for _, name := range l.names() {
		if err := l.rings[name].read(each); err != nil {
			errs = append(errs, fmt.Errorf("crash ring %s: %w", name, err))
			l.rings[name].close()
			delete(l.rings, name)
		}
	}
	return errors.Join(errs...)
}

func (l *Live) names() []string {
	names := make([]string, 0, len(l.rings))
	for name := range l.rings {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close ends the Live.
func (l *Live) Close() {
	for _, r := range l.rings {
		r.close()
	}
	clear(l.rings)
}

func (r *liveRing) close() { _ = r.file.Close() } // it only read

// tail returns where the oldest frame is that the database has not.
func (r *liveRing) tail() (uint64, error) {
	var b [8]byte
	err := r.readAt(b[:], tailAt)
	return binary.LittleEndian.Uint64(b[:]), err
}

// drained tells whether nothing more can come of a ring that has no name any more.
func (r *liveRing) drained() bool {
	if r.fill() != nil {
		return true
	}
	_, _, ok := next(r.ring, r.pos, make([]byte, positionLen))
	return !ok
}

// fill reads what lies from the position on, round the end where need be.
func (r *liveRing) fill() error {
	at := r.pos % r.size
	n := min(liveChunk, r.size-at)
	err := r.readAt(r.ring[at:at+n], ringAt+int64(at))
	if rest := min(liveChunk, r.size) - n; err == nil && rest > 0 {
		err = r.readAt(r.ring[:rest], ringAt)
	}
	return err
}

// readAt reads all of b, or fails.
func (r *liveRing) readAt(b []byte, at int64) error {
	_, err := r.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return err
}

// read calls each for the frames from the position on.
func (r *liveRing) read(each func(*cycle.Cycle)) error {
	scratch := make([]byte, positionLen)
	for begun := r.pos; ; begun = r.pos {
		if err := r.fill(); err != nil {
			return err
		}
		for r.pos-begun < liveChunk {
			b, after, ok := next(r.ring, r.pos, scratch)
			if !ok {
				break
			}
			known, err := r.deliver(b, each)
			if err != nil {
				return err
			}
			if !known {
				return nil
			}
			r.pos = after
		}
		if r.pos == begun {
			return r.catchUp()
		}
	}
}

// deliver hands over the cycle of a record. One of a run that is not in the ring
// is waited for once, for the two are seen in no certain order, and then passed
// over: there was no room for its run.
func (r *liveRing) deliver(b []byte, each func(*cycle.Cycle)) (known bool, err error) {
	c, err := r.records.read(b)
	if err != nil {
		if err := r.readRuns(); err != nil {
			return false, err
		}
		if c, err = r.records.read(b); err != nil {
			r.waited = !r.waited
			return !r.waited, nil
		}
	}
	r.waited = false
	each(c)
	return true, nil
}

// readRuns reads the runs that have been entered since the last time.
func (r *liveRing) readRuns() error {
	b := make([]byte, ringAt-runsAt-r.runs)
	if err := r.readAt(b, runsAt+r.runs); err != nil {
		return err
	}
	runs := readRuns(b)
	for range runs {
		r.runs += frameHead + int64(binary.LittleEndian.Uint32(b))
		b = b[frameHead+binary.LittleEndian.Uint32(b):]
	}
	r.records.runs = append(r.records.runs, runs...)
	return nil
}

// catchUp goes on at the tail where no frame is at the position because the ring
// was written over since: what lies between is in the database.
func (r *liveRing) catchUp() error {
	tail, err := r.tail()
	if err == nil && (tail > r.pos || r.pos-tail > r.size) {
		r.pos = tail
	}
	return err
}
