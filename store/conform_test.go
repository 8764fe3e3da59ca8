package store_test

import (
	"context"
	"testing"

	"wanctl/store"
	"wanctl/store/storetest"
)

func TestTheFileConforms(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Store{
		Write: func(path string) storetest.Writer {
			cfg := store.DefaultConfig()
			cfg.Path, cfg.Runtime = path, t.TempDir()
			cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = 1<<62, 1<<62, 1<<62
			return store.NewWriter(cfg, nil)
		},
		Read: func(ctx context.Context, path string) (storetest.Reader, error) { return store.OpenReader(ctx, path) },
	})
}
