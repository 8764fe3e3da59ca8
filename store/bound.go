package store

import (
	"errors"
	"os"

	sqlite3 "modernc.org/sqlite/lib"
)

// bound divides recorder.max_size among the three files, so that their sum never
// passes it: the database may have so many pages, and a transaction begins only
// if the WAL has room for what it may write.
type bound struct {
	pages        int64 // of the database
	wal          int64 // bytes
	checkpointAt int64 // bytes of WAL
}

const (
	frameSize = pageSize + 24
	shmFrames = 4096 // WAL frames told of by 32 KiB of shared memory
	shmSize   = 32 << 10

	// cycleBytes is what a cycle and its part of the minutes come to at most.
	cycleBytes = 300
	// slackBytes is for pages that a transaction touches whatever it holds.
	slackBytes = 96 << 10
)

func newBound(maxSize int64) (b bound) {
	b.wal = min(max(maxSize/8, 1<<20), 32<<20)
	b.checkpointAt = min(b.wal/3, 1000*frameSize)
	shm := shmSize * (1 + (b.wal/frameSize+shmFrames)/shmFrames)
	b.pages = max((maxSize-b.wal-shm)/pageSize, 64)
	return b
}

// errHeld reports that the WAL must grow no further.
var errHeld = errors.New("a reader keeps the WAL from being used again, and it must not grow beyond recorder.max_size: the reader has to end")

// begin begins a transaction that will write about need bytes.
func (f *file) begin(need int64) error {
	need = need + need/4 + slackBytes
	if f.walUsed()+need > f.bound.wal {
		if err := f.checkpoint(0); err != nil {
			return err
		}
		if f.walUsed()+need > f.bound.wal {
			return errHeld
		}
	}
	if err := f.c.begin(); err != nil {
		return err
	}
	if err := f.in.names.verify(); err != nil {
		f.rollback()
		return err
	}
	return nil
}

// commit ends the transaction; on an error it is undone.
func (f *file) commit() error {
	if err := f.c.commit(); err != nil {
		f.rollback()
		return err
	}
	f.restarted = 0
	return nil
}

// rollback undoes the transaction, also what it left in memory.
func (f *file) rollback() {
	f.c.rollback()
	f.in.forget()
}

// walUsed is how far into the WAL the next transaction begins. The WAL's size is
// just that (journal_size_limit is 0), except after a checkpoint that let it begin
// anew, until something is written.
func (f *file) walUsed() int64 {
	size := f.walSize()
	if f.restarted == size {
		return 0
	}
	return size
}

func (f *file) walSize() int64 {
	fi, err := os.Stat(f.path + "-wal")
	if err != nil {
		return 0
	}
	return fi.Size()
}

// checkpoint moves the WAL into the database once it has so many bytes, and lets
// it begin anew, unless a reader is in the way: nobody is waited for.
func (f *file) checkpoint(at int64) error {
	size := f.walSize()
	if size < at || f.restarted == size {
		return nil
	}
	sqlite3.Xsqlite3_busy_timeout(f.c.tls, f.c.db, 0)
	_, _, err := f.c.checkpoint(sqlite3.SQLITE_CHECKPOINT_RESTART)
	sqlite3.Xsqlite3_busy_timeout(f.c.tls, f.c.db, int32(busyWait.Milliseconds()))
	if err == nil {
		f.restarted = f.walSize()
	}
	if is(err, busyCodes...) {
		return nil
	}
	return err
}

// usage returns how many pages the database has and how many of them are in use.
func (f *file) usage() (pages, used int64, err error) {
	if pages, err = f.c.number("PRAGMA page_count"); err != nil {
		return 0, 0, err
	}
	free, err := f.c.number("PRAGMA freelist_count")
	return pages, pages - free, err
}

// tight tells whether need bytes more would not fit.
func (f *file) tight(need int64) (bool, error) {
	_, used, err := f.usage()
	return used+(need+need/4+slackBytes)/pageSize > f.bound.pages, err
}
