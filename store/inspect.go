package store

import (
	"context"
	"fmt"
	"os"
)

// Inspect tells whether a file is whole, as far as SQLite can tell by a quick look
// at all of its pages, and leaves nothing beside it: where no daemon has the file
// open it is read as it lies, without the shared memory that reading beside a
// writer takes. findings are what is wrong with it; the error says that it could
// not be read, or not before the context ended.
func Inspect(ctx context.Context, path string) (findings []string, err error) {
	if _, err := readable(path); err != nil {
		return nil, fmt.Errorf("recording %q: %w", path, err)
	}
	query := ""
	wal, err := os.Stat(path + "-wal")
	if _, missing := os.Stat(path + "-shm"); missing != nil && (err != nil || wal.Size() == 0) {
		query = immutableURI
	}
	c, err := dialForReading(path, query)
	if err == nil {
		stop := context.AfterFunc(ctx, c.interrupt)
		findings, err = c.words("PRAGMA quick_check(5)")
		stop()
		c.close()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("recording %q: %w", path, explain(err))
	}
	if len(findings) == 1 && findings[0] == "ok" {
		return nil, nil
	}
	return findings, nil
}
