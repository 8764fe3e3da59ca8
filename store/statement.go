package store

import (
	"slices"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// stmt is a prepared statement. Parameters are numbered from 1, columns from 0.
// What it is given is copied into memory of its own, which is kept for the next
// time: in steady state nothing is allocated.
type stmt struct {
	c      *conn
	sql    string
	handle uintptr
	bufs   []buffer // by parameter
}

// buffer is memory outside Go's heap that a bound text or blob lies in.
type buffer struct {
	at   uintptr
	size int
}

// prepare returns a statement; the connection finalizes it when it is closed.
func (c *conn) prepare(sql string) (*stmt, error) {
	if i := slices.IndexFunc(c.spare, func(s *stmt) bool { return s.sql == sql }); i >= 0 {
		s := c.spare[i]
		c.spare = slices.Delete(c.spare, i, i+1)
		return s, nil
	}
	text, err := libc.CString(sql)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(c.tls, text)
	p := c.tls.Alloc(int(unsafe.Sizeof(uintptr(0))))
	defer c.tls.Free(int(unsafe.Sizeof(uintptr(0))))
	if rc := sqlite3.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, p, 0); rc != sqlite3.SQLITE_OK {
		return nil, c.error(rc)
	}
	s := &stmt{c: c, sql: sql, handle: *(*uintptr)(pointer(p))}
	c.stmts = append(c.stmts, s)
	return s, nil
}

func (s *stmt) finalize() {
	sqlite3.Xsqlite3_finalize(s.c.tls, s.handle)
	for _, b := range s.bufs {
		if b.at != 0 {
			libc.Xfree(s.c.tls, b.at)
		}
	}
	s.handle, s.bufs = 0, nil
}

// step goes to the next row and tells whether there is one. After the last row
// and after an error the statement is ready to be run again.
func (s *stmt) step() (bool, error) {
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		sqlite3.Xsqlite3_reset(s.c.tls, s.handle)
		return false, nil
	default:
		err := s.c.error(rc)
		sqlite3.Xsqlite3_reset(s.c.tls, s.handle)
		return false, err
	}
}

// run runs a statement that returns no rows.
func (s *stmt) run() error {
	_, err := s.step()
	s.reset()
	return err
}

// reset makes the statement ready to be run again before its last row.
func (s *stmt) reset() { sqlite3.Xsqlite3_reset(s.c.tls, s.handle) }

// Binding fails only for a parameter that does not exist or for want of memory,
// neither of which the caller could do anything about; step reports the latter.

func (s *stmt) int(i int, v int64) { sqlite3.Xsqlite3_bind_int64(s.c.tls, s.handle, int32(i), v) }

func (s *stmt) null(i int) { sqlite3.Xsqlite3_bind_null(s.c.tls, s.handle, int32(i)) }

func (s *stmt) bool(i int, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	s.int(i, n)
}

func (s *stmt) text(i int, v string) {
	at := s.copy(i, unsafe.Slice(unsafe.StringData(v), len(v)))
	sqlite3.Xsqlite3_bind_text(s.c.tls, s.handle, int32(i), at, int32(len(v)), sqlite3.SQLITE_STATIC)
}

func (s *stmt) textBytes(i int, v []byte) {
	at := s.copy(i, v)
	sqlite3.Xsqlite3_bind_text(s.c.tls, s.handle, int32(i), at, int32(len(v)), sqlite3.SQLITE_STATIC)
}

func (s *stmt) blob(i int, v []byte) {
	at := s.copy(i, v)
	sqlite3.Xsqlite3_bind_blob(s.c.tls, s.handle, int32(i), at, int32(len(v)), sqlite3.SQLITE_STATIC)
}

// copy puts v into the parameter's buffer, which is never empty: SQLite takes a
// null pointer for NULL.
func (s *stmt) copy(i int, v []byte) uintptr {
	for len(s.bufs) <= i {
		s.bufs = append(s.bufs, buffer{})
	}
	b := &s.bufs[i]
	if b.at == 0 || b.size < len(v) {
		if b.at != 0 {
			libc.Xfree(s.c.tls, b.at)
		}
		b.size = max(64, 2*len(v))
		b.at = libc.Xmalloc(s.c.tls, libc.Tsize_t(b.size))
		if b.at == 0 {
			panic("out of memory")
		}
	}
	copy(unsafe.Slice((*byte)(pointer(b.at)), b.size), v)
	return b.at
}

func (s *stmt) colInt(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(s.c.tls, s.handle, int32(i))
}

func (s *stmt) colNull(i int) bool {
	return sqlite3.Xsqlite3_column_type(s.c.tls, s.handle, int32(i)) == sqlite3.SQLITE_NULL
}

// colBytes returns a text or blob where it lies: good until the next step.
func (s *stmt) colBytes(i int) []byte {
	at := sqlite3.Xsqlite3_column_blob(s.c.tls, s.handle, int32(i))
	n := sqlite3.Xsqlite3_column_bytes(s.c.tls, s.handle, int32(i))
	if at == 0 || n <= 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(at)), int(n))
}

func (s *stmt) colText(i int) string { return string(s.colBytes(i)) }
