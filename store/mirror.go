package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// mirror is the crash ring: a copy of the queue in a memory-mapped file on a
// tmpfs, which wears no flash and outlives the process. Its owner holds a lock
// on it; one that can be locked belongs to nobody any more, and its cycles are
// taken over at the next start of a daemon that writes the same file.
//
//	header: magic, size of the ring, tail, path of the database
//	runs:   length, checksum, JSON; in the order of their numbers
//	ring:   as the queue's
type mirror struct {
	file *os.File
	name string
	m    []byte
	runs int  // bytes of runs
	full bool // there are runs that found no room: their cycles are not recovered
	gone bool // the memory has failed: somebody cut the file
}

const (
	mirrorMagic  = "wanring1"
	mirrorSuffix = ".ring"
	tailAt       = 16
	pathAt       = 24
	runsAt       = 4096
	ringAt       = runsAt + 256<<10

	// defaultRuntime is where crash rings are unless systemd says otherwise.
	defaultRuntime = "/run/wanctl"
)

var errNoTmpfs = errors.New("not a tmpfs")

// runtimeDir returns the folder for crash rings, which lies on a tmpfs.
func runtimeDir(configured string) (string, error) {
	dir := configured
	if dir == "" {
		// systemd may name several, separated by colons.
		dir, _, _ = strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	}
	if dir == "" {
		dir = defaultRuntime
		if err := onTmpfs(filepath.Dir(dir)); err != nil {
			return "", err
		}
	}
	if err := cycle.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, onTmpfs(dir)
}

func onTmpfs(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if t := uint32(fs.Type); t != unix.TMPFS_MAGIC && t != unix.RAMFS_MAGIC {
		return fmt.Errorf("%s: %w", dir, errNoTmpfs)
	}
	return nil
}

// newMirror makes a crash ring for the database at path.
func newMirror(dir, path string, size int) (_ *mirror, err error) {
	// It gets the name others look for only when it is locked.
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			_ = f.Close()
		}
	}()
	_ = cycle.Give(f) // one that stays root's the service cannot recover from
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, err
	}
	// Reserved, not only sized: a hole that finds no memory later is a SIGBUS.
	if err := unix.Fallocate(int(f.Fd()), 0, 0, int64(ringAt+size)); err != nil {
		return nil, err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, ringAt+size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, err
	}
	copy(m, mirrorMagic)
	binary.LittleEndian.PutUint64(m[8:], uint64(size))
	binary.LittleEndian.PutUint16(m[pathAt:], uint16(copy(m[pathAt+2:runsAt], path)))
	name := filepath.Join(dir, strings.TrimPrefix(filepath.Base(f.Name()), "new-")+mirrorSuffix)
	if err := os.Rename(f.Name(), name); err != nil {
		_ = unix.Munmap(m)
		return nil, err
	}
	return &mirror{file: f, name: name, m: m}, nil
}

// write copies a frame to its place. Memory whose file was cut fails with a fault,
// which must not be the loop's: it ends the mirror, not the process.
func (m *mirror) write(at int, b []byte) { m.store(ringAt+at, b) }

func (m *mirror) store(at int, b []byte) {
	if m.gone {
		return
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			m.gone = true
		}
	}()
	copy(m.m[at:], b)
}

// release tells that what lies before a position is in the database.
func (m *mirror) release(tail uint64) {
	m.store(tailAt, binary.LittleEndian.AppendUint64(nil, tail))
}

// enter adds a run.
func (m *mirror) enter(r *cycle.Run) {
	text, err := json.Marshal(r)
	if err != nil || m.full || m.runs+frameHead+len(text) > ringAt-runsAt {
		m.full = true
		return
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(text)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(text, castagnoli))
	m.store(runsAt+m.runs, append(b, text...))
	m.runs += frameHead + len(text)
}

// close ends the mirror; empty tells that nothing in it is needed any more.
func (m *mirror) close(empty bool) {
	if empty {
		_ = os.Remove(m.name)
	}
	_ = unix.Munmap(m.m)
	_ = m.file.Close()
}

// orphan is a crash ring whose owner is gone.
type orphan struct {
	file *os.File // locked
	runs []*cycle.Run
	ring []byte
	tail uint64
}

// orphans returns the crash rings that other processes have left behind for the
// database at path.
func orphans(dir, path string) (found []*orphan) {
	names, _ := filepath.Glob(filepath.Join(dir, "*"+mirrorSuffix))
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if o := adopt(f, path); o != nil {
			found = append(found, o)
		} else {
			_ = f.Close()
		}
	}
	return found
}

// adopt reads a crash ring, if it belongs to nobody and to the database at path.
func adopt(f *os.File, path string) *orphan {
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil
	}
	// Another start may have finished with it before the lock was ours.
	if info, err := os.Stat(f.Name()); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	b, err := os.ReadFile(f.Name())
	if err != nil || len(b) < ringAt || string(b[:len(mirrorMagic)]) != mirrorMagic {
		return nil
	}
	size := binary.LittleEndian.Uint64(b[8:])
	if size != uint64(len(b)-ringAt) || size == 0 || ringPath(b) != path {
		return nil
	}
	return &orphan{file: f, runs: readRuns(b[runsAt:ringAt]), ring: b[ringAt:], tail: binary.LittleEndian.Uint64(b[tailAt:])}
}

// ringPath returns the path of the database that a ring's header names.
func ringPath(head []byte) string {
	n := min(int(binary.LittleEndian.Uint16(head[pathAt:])), runsAt-pathAt-2)
	return string(head[pathAt+2 : pathAt+2+n])
}

// readRuns reads runs up to the first that is none.
func readRuns(b []byte) (runs []*cycle.Run) {
	for len(b) >= frameHead {
		n, sum := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		b = b[frameHead:]
		if n == 0 || uint64(n) > uint64(len(b)) || crc32.Checksum(b[:n], castagnoli) != sum {
			break
		}
		r := &cycle.Run{}
		if json.Unmarshal(b[:n], r) != nil {
			break
		}
		runs = append(runs, r)
		b = b[n:]
	}
	return runs
}

// cycles calls each for the cycles in the ring, oldest first, until it fails. A
// torn frame ends them: nothing after it was finished.
func (o *orphan) cycles(each func(*cycle.Cycle) error) error {
	r := records{runs: o.runs}
	scratch := make([]byte, positionLen)
	for pos := o.tail; pos-o.tail < uint64(len(o.ring)); {
		b, after, ok := next(o.ring, pos, scratch)
		if !ok {
			return nil
		}
		pos = after
		c, err := r.read(b)
		if err != nil {
			continue // of a run that found no room
		}
		c.Recovered = true
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// close ends the orphan; done tells that its cycles are in the database.
func (o *orphan) close(done bool) {
	if done {
		_ = os.Remove(o.file.Name())
	}
	_ = o.file.Close()
}
