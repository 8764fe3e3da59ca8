package store

import (
	"errors"
	"fmt"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"wanctl/cycle"
	"wanctl/migrations"
)

// What a file can be instead of one that can be used.
var (
	// ErrForeign reports an SQLite file that another program made.
	ErrForeign = errors.New("the file belongs to another program")
	// ErrNewer reports a file that a newer version of this program has written.
	ErrNewer = errors.New("the file was written by a newer wanctl")
	// ErrOlder reports a file that must be migrated and is opened for reading only.
	ErrOlder = errors.New("the file was written by an older wanctl")
)

// busyWait is how long the WAL's short moments of exclusive access are waited
// for; the write lock, which others may hold for long, is waited for elsewhere.
const busyWait = 500 * time.Millisecond

// openForWriting opens the file, making or migrating it where need be.
func openForWriting(path string, sync string) (*conn, error) {
	c, err := dial(path, forWriting, "")
	if err != nil {
		return nil, err
	}
	if err := c.prepareForWriting(path, sync); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) prepareForWriting(path, sync string) error {
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(busyWait.Milliseconds()))
	id, err := c.identify(path)
	if err != nil {
		return err
	}
	// Note: page size 4096 and one write-ahead log proved best; a checkpoint is
	// made by hand after a flush, because SQLite's own would come inside COMMIT.
	if err := c.exec(`PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_spill = OFF; PRAGMA synchronous = ` + sync); err != nil {
		return err
	}
	if id != migrations.Newest() {
		if err := c.migrate(path); err != nil {
			return err
		}
	}
	return nil
}

// identify returns the file's version; 0 for an empty one. It refuses a foreign
// and a newer file before anything is changed in it.
func (c *conn) identify(path string) (version int, err error) {
	app, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	v, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	switch {
	case err != nil:
		return 0, err
	case app == 0 && v == 0 && tables == 0:
		return 0, nil
	case app != migrations.ApplicationID:
		return 0, fmt.Errorf("%w (application_id %#x, not %#x): give another path", ErrForeign, app, migrations.ApplicationID)
	case v > int64(migrations.Newest()):
		return 0, fmt.Errorf("%w (version %d, this program knows %d): use that one, or another path", ErrNewer, v, migrations.Newest())
	}
	return int(v), nil
}

// migrate takes the steps that the file lacks. Which they are is asked again
// inside the transaction: another daemon may just have taken them.
func (c *conn) migrate(path string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.rollback()
	version, err := c.identify(path)
	if err != nil {
		return err
	}
	for _, step := range migrations.Steps[version:] {
		if err := c.exec(step.SQL); err != nil {
			return fmt.Errorf("migration %d (%s): %w", step.Number, step.Name, err)
		}
	}
	if err := c.exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", migrations.ApplicationID, migrations.Newest())); err != nil {
		return err
	}
	return c.commit()
}

// readable tells of a file, or why what is at a path can be no recording, without opening it:
// SQLite would make an error of its own of a folder, and wait for a pipe for ever.
func readable(path string) (about os.FileInfo, err error) {
	about, err = os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no recording there: %w (is a daemon running that records into it? --db names another)", errors.Unwrap(err))
	case err != nil:
		return nil, err
	case about.IsDir():
		return nil, errors.New("is a directory (--db names the file)")
	case !about.Mode().IsRegular():
		return nil, cycle.ErrNotPlain
	}
	return about, nil
}

// openForReading opens the file without ever writing to it.
func openForReading(path string) (*conn, error) {
	info, err := readable(path)
	if err != nil {
		return nil, err
	}
	if aGuest(path, info) {
		return dialAsItLies(path, info)
	}
	c, err := dialForReading(path, "")
	if is(err, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) {
		// Reading beside a writer needs its shared memory. Where that cannot be
		// made, and no WAL tells of a writer, the file can be read as it lies.
		if wal, e := os.Stat(path + "-wal"); e != nil || wal.Size() == 0 {
			c, err = dialAsItLies(path, info)
		}
	}
	return c, err
}

func dialAsItLies(path string, info os.FileInfo) (*conn, error) {
	c, err := dialForReading(path, immutableURI)
	if err == nil {
		c.lies = &lies{path, info}
	}
	return c, err
}

func dialForReading(path, query string) (*conn, error) {
	c, err := dial(path, forReading, query)
	if err != nil {
		return nil, err
	}
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(busyWait.Milliseconds()))
	version, err := c.identify(path)
	if err == nil && version == 0 {
		err = fmt.Errorf("%w: it is empty", ErrForeign)
	}
	if err == nil && version < migrations.Newest() {
		err = fmt.Errorf("%w (version %d, this program reads %d): the next start of a daemon migrates it", ErrOlder, version, migrations.Newest())
	}
	if err == nil {
		err = c.exec("PRAGMA query_only = ON; PRAGMA cache_size = -1000")
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// sizes returns what a file takes up on disk.
func sizes(path string) (db, wal, shm int64) {
	size := func(name string) int64 {
		if fi, err := os.Stat(name); err == nil {
			return fi.Size()
		}
		return 0
	}
	return size(path), size(path + "-wal"), size(path + "-shm")
}
