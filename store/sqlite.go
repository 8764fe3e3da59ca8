package store

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Note: the store speaks to SQLite's own interface rather than through
// database/sql. A cycle has 28 columns and a week 12 million cycles; the driver
// costs about 1 us and often an allocation per column, the interface 30 ns and
// none. It also tells extended error codes, what a checkpoint did, and hands out
// blobs without copying them.

// SQLiteVersion is the version of the SQLite inside, e.g. "3.53.4".
const SQLiteVersion = sqlite3.SQLITE_VERSION

func init() {
	// With POSIX locks, closing any descriptor of a database file would drop
	// all of the process's locks on it; open file description locks do not.
	tls := libc.NewTLS()
	sqlite3.Xmodernc_ofd_locking(tls, 1)
	tls.Close()
}

// conn is one connection. It is used by one goroutine at a time, except for
// interrupt.
type conn struct {
	tls   *libc.TLS
	db    uintptr
	stmts []*stmt // to be finalized
	spare []*stmt // of those, what was done with and may be asked for again
	lies  *lies   // where the file is read as it lies

	mu   sync.Mutex // held by interrupt and close
	gone bool
}

// sqliteError is an error of SQLite with its extended result code.
type sqliteError struct {
	code int32
	text string
}

func (e *sqliteError) Error() string { return e.text }

// is tells whether err is of SQLite and has one of the primary result codes.
func is(err error, codes ...int32) bool {
	var e *sqliteError
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.code&0xff == c {
			return true
		}
	}
	return false
}

// How a file is opened.
const (
	forWriting   = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE
	forReading   = sqlite3.SQLITE_OPEN_READONLY
	forUpdate    = sqlite3.SQLITE_OPEN_READWRITE // must exist
	commonFlags  = sqlite3.SQLITE_OPEN_NOMUTEX | sqlite3.SQLITE_OPEN_URI | sqlite3.SQLITE_OPEN_EXRESCODE
	immutableURI = "immutable=1"
)

// dial opens a connection. The query, which may be empty, is that of SQLite's
// file URIs.
func dial(path string, flags int32, query string) (*conn, error) {
	c := &conn{tls: libc.NewTLS()}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.Clean(path), RawQuery: query}
	name, err := libc.CString(u.String())
	if err != nil {
		c.tls.Close()
		return nil, err
	}
	defer libc.Xfree(c.tls, name)
	handle := c.tls.Alloc(int(unsafe.Sizeof(uintptr(0))))
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, handle, flags|commonFlags, 0)
	c.db = *(*uintptr)(pointer(handle))
	c.tls.Free(int(unsafe.Sizeof(uintptr(0))))
	if rc != sqlite3.SQLITE_OK {
		err := c.error(rc)
		c.close()
		return nil, err
	}
	return c, nil
}

// pointer makes a pointer of an address outside Go's heap.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// close ends the connection; the last one of a file also ends its WAL.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.stmts {
		s.finalize()
	}
	if c.db != 0 {
		sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	}
	c.tls.Close()
	c.gone = true
}

// error returns the error that rc stands for.
func (c *conn) error(rc int32) error {
	text := libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))
	if c.db != 0 {
		if more := libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db)); more != "" && more != "not an error" && more != text {
			text += ": " + more
		}
	}
	return &sqliteError{code: rc, text: fmt.Sprintf("%s (SQLite code %d)", text, rc)}
}

// interrupt makes what the connection is doing fail soon. It may be called from
// another goroutine, at any time.
func (c *conn) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		sqlite3.Xsqlite3_interrupt(c.tls, c.db)
	}
}

// exec runs statements that return nothing of interest.
func (c *conn) exec(sql string) error {
	text, err := libc.CString(sql)
	if err != nil {
		return err
	}
	defer libc.Xfree(c.tls, text)
	if rc := sqlite3.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return c.error(rc)
	}
	return nil
}

// number returns the one number that a query gives; 0 where it gives none. It is
// for counts: of times and ids, see find.
func (c *conn) number(sql string, args ...int64) (n int64, err error) {
	n, _, err = c.find(sql, args...)
	return n, err
}

// find returns the one number that a query gives, and whether it gives one: NULL
// is none, and 0 is a moment like others.
func (c *conn) find(sql string, args ...int64) (n int64, ok bool, err error) {
	s, err := c.prepare(sql)
	if err != nil {
		return 0, false, err
	}
	defer c.forget(s)
	for i, a := range args {
		s.int(i+1, a)
	}
	if ok, err := s.step(); err != nil || !ok || s.colNull(0) {
		return 0, false, err
	}
	return s.colInt(0), true, nil
}

// words returns the first column of every row of a query.
func (c *conn) words(sql string) (words []string, err error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	defer c.forget(s)
	for {
		ok, err := s.step()
		if err != nil || !ok {
			return words, err
		}
		words = append(words, s.colText(0))
	}
}

// mostSpare bounds how many statements are kept for the next time.
const mostSpare = 8

// forget takes back a statement that is done with: it is kept for the next time,
// for to prepare one takes longer than to read some cycles with it, or finalized.
func (c *conn) forget(s *stmt) {
	if len(c.spare) < mostSpare {
		s.reset()
		c.spare = append(c.spare, s)
		return
	}
	s.finalize()
	for i := range c.stmts {
		if c.stmts[i] == s {
			c.stmts = append(c.stmts[:i], c.stmts[i+1:]...)
			return
		}
	}
}

// begin starts a transaction that may write: at once, or with SQLITE_BUSY.
func (c *conn) begin() error { return c.exec("BEGIN IMMEDIATE") }

func (c *conn) commit() error { return c.exec("COMMIT") }

// rollback ends a transaction, if there is one, as if it had not been.
func (c *conn) rollback() {
	if sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 {
		_ = c.exec("ROLLBACK") // where that fails SQLite has rolled back by itself
	}
}

// changed tells how many rows the last insert, update or delete changed.
func (c *conn) changed() int { return int(sqlite3.Xsqlite3_changes(c.tls, c.db)) }

// checkpoint moves what it can from the WAL into the database, waiting for
// nobody, and returns how many frames the WAL has and how many of them are done.
func (c *conn) checkpoint(mode int32) (frames, done int, err error) {
	p := c.tls.Alloc(8)
	defer c.tls.Free(8)
	rc := sqlite3.Xsqlite3_wal_checkpoint_v2(c.tls, c.db, 0, mode, p, p+4)
	both := (*[2]int32)(pointer(p))
	frames, done = int(both[0]), int(both[1])
	if rc != sqlite3.SQLITE_OK {
		return frames, done, c.error(rc)
	}
	return frames, done, nil
}

// explain adds to an error of SQLite what to do about it, where that is known.
func explain(err error) error {
	hint := ""
	switch {
	case err == nil:
		return nil
	case is(err, sqlite3.SQLITE_FULL):
		hint = "the disk is full, or the file has reached its bound: make room, or raise recorder.max_size"
	case is(err, sqlite3.SQLITE_READONLY):
		hint = "the file or its folder is not writable"
	case is(err, sqlite3.SQLITE_CANTOPEN):
		hint = "check that the folder exists and that this user may use it"
	case is(err, sqlite3.SQLITE_BUSY):
		hint = "another program holds the write lock"
	case is(err, sqlite3.SQLITE_NOTADB):
		hint = "no SQLite file"
	}
	if hint == "" || strings.Contains(err.Error(), hint) {
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}
