package store

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// Pruned is what Prune has done.
type Pruned struct {
	Before, After int64 // bytes of the three files together
	Cycles        int64 // rows that are gone
	Minutes       int64
	Hours         int64 // rows that have come (above 0) or are gone
	Shrunk        bool  // the file was written anew, without its free pages
}

// Prune enforces the bounds of a configuration now: in short transactions beside
// daemons that may be writing. If the file is larger than cfg.MaxSize allows even
// so (the bound was lowered), it is written anew without its free pages, which
// takes as much space again for a moment.
func Prune(ctx context.Context, cfg Config) (p Pruned, err error) {
	if cfg.Path, err = filepath.Abs(cfg.Path); err != nil {
		return p, err
	}
	if _, err := readable(cfg.Path); err != nil {
		return p, fmt.Errorf("recording %q: %w", cfg.Path, err)
	}
	c, err := dial(cfg.Path, forUpdate, "")
	if err != nil {
		return p, fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
	}
	version, err := c.identify(cfg.Path)
	c.close()
	if err == nil && version == 0 {
		return p, fmt.Errorf("recording %q: %w: it is empty", cfg.Path, ErrForeign) // to open it would make it a recording
	}
	f, err := openFile(&cfg)
	if err != nil {
		return p, fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
	}
	defer func() {
		f.close() // which ends the WAL, if nobody else has the file open
		p.After = total(cfg.Path)
	}()
	rows := func() (n [3]int64, err error) {
		for i, table := range []string{"cycle", "minute", "hour"} {
			if n[i], err = f.c.number("SELECT count(*) FROM " + table); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	p.Before = total(cfg.Path)
	before, err := rows()
	if err != nil {
		return p, err
	}
	if err := f.trimAll(ctx, &cfg); err != nil {
		return p, fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
	}
	after, err := rows()
	if err != nil {
		return p, err
	}
	p.Cycles, p.Minutes, p.Hours = before[0]-after[0], before[1]-after[1], after[2]-before[2]
	if p.Shrunk, err = f.shrink(); err != nil {
		return p, fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
	}
	return p, nil
}

func total(path string) int64 {
	db, wal, shm := sizes(path)
	return db + wal + shm
}

// trimAll trims until there is nothing more to drop.
func (f *file) trimAll(ctx context.Context, cfg *Config) error {
	r := retention{}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := time.Now()
		if err := f.begin(0); err != nil {
			return err
		}
		room, err := r.trim(f, cfg, now, 0)
		if err != nil {
			f.rollback()
			return err
		}
		if err := f.commit(); err != nil {
			return err
		}
		if err := f.checkpoint(f.bound.checkpointAt); err != nil {
			return err
		}
		if room && !r.due(now) {
			return nil
		}
	}
}

// shrink writes the file anew if it has more pages than its bound.
func (f *file) shrink() (bool, error) {
	pages, _, err := f.usage()
	if err != nil || pages <= f.bound.pages {
		return false, err
	}
	if err := f.c.exec("VACUUM"); err != nil {
		return false, err
	}
	_, _, err = f.c.checkpoint(sqlite3.SQLITE_CHECKPOINT_TRUNCATE)
	return true, err
}
