package store

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"wanctl/cycle"
)

// bulk enters many cycles, some thousand in a transaction.
type bulk struct {
	file   *file
	cfg    *Config
	retain retention
	batch  int
	now    func() time.Time // for retention
	open   bool
	n      int
}

// add enters a cycle and tells whether it was new.
func (b *bulk) add(c *cycle.Cycle) (bool, error) {
	if !b.open {
		if err := b.begin(); err != nil {
			return false, err
		}
	}
	added, err := b.file.in.add(c)
	if err != nil {
		return added, err
	}
	if b.n++; b.n >= b.batch {
		return added, b.commit()
	}
	return added, nil
}

// begin begins a transaction that has room for a batch.
func (b *bulk) begin() error {
	need := int64(b.batch) * cycleBytes
	for {
		if err := b.file.begin(need); err != nil {
			return err
		}
		room, err := b.retain.trim(b.file, b.cfg, b.now(), need)
		if err != nil {
			b.file.rollback()
			return err
		}
		if room {
			b.open, b.n = true, 0
			return nil
		}
		if err := b.file.commit(); err != nil {
			return err
		}
	}
}

func (b *bulk) commit() error {
	b.open, b.n = false, 0
	if err := b.file.in.finish(); err != nil {
		b.file.rollback()
		return err
	}
	if err := b.file.commit(); err != nil {
		return err
	}
	return b.file.checkpoint(b.file.bound.checkpointAt)
}

// end finishes what is open: it keeps the cycles before the error, if there is one.
func (b *bulk) end(err error) error {
	if !b.open {
		return err
	}
	if e := b.commit(); err == nil {
		return e
	}
	return err
}

// Imported is what an import has done.
type Imported struct {
	Cycles  int64 // entered
	Known   int64 // that the file had already
	Timings int64 // of the cycles entered: their spans and totals
	Since   time.Time
	Until   time.Time // of the cycles entered: the first and the last start
}

// importBatch is how many cycles an import puts into one transaction.
const importBatch = 4000

// Import enters cycles of foreign source into the file at cfg.Path, which is made
// if it is not there. Their runs have a Source, which together with daemon, WAN
// and Started names them; within a run Seq rises. A cycle that is on record
// already changes nothing, so that importing twice adds nothing, and importing a
// log that has grown adds what is new. cfg.MaxSize holds; what is past its time
// is dropped by the daemons, if one writes the file. progress, which may be nil,
// is told how many cycles are done. After an error what came before it is kept.
func Import(ctx context.Context, cfg Config, cycles iter.Seq2[*cycle.Cycle, error], progress func(n int64)) (done Imported, err error) {
	if cfg.Path, err = filepath.Abs(cfg.Path); err != nil {
		return done, err
	}
	never := 100 * 365 * day
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = never, never, never
	f, err := openFile(&cfg)
	if err != nil {
		return done, fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
	}
	defer f.close()
	b := bulk{file: f, cfg: &cfg, batch: importBatch, now: time.Now}
	for c, e := range cycles {
		if err = e; err == nil {
			err = ctx.Err()
		}
		var added bool
		if err == nil {
			if added, err = b.add(c); err != nil {
				err = fmt.Errorf("recording %q: %w", cfg.Path, explain(err))
			}
		}
		if err != nil {
			break
		}
		done.count(c, added)
		if progress != nil && b.n == 0 {
			progress(done.Cycles + done.Known)
		}
	}
	return done, b.end(err)
}

func (d *Imported) count(c *cycle.Cycle, added bool) {
	if !added {
		d.Known++
		return
	}
	d.Cycles++
	d.Timings += int64(len(c.Spans)) + 1
	if d.Since.IsZero() || c.Start.Before(d.Since) {
		d.Since = c.Start
	}
	if c.Start.After(d.Until) {
		d.Until = c.Start
	}
}
