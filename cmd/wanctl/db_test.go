package main

import (
	"context"
	"time"

	"wanctl/store"
	"wanctl/store/storetest"
)

func init() {
	// Twenty minutes at 20 Hz that end now.
	fixtures["twenty-minutes"] = func(ctx context.Context, path string) error {
		cfg := store.DefaultConfig()
		cfg.Path = path
		w := store.NewWriter(cfg, nil)
		writing, stop := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- w.Run(writing) }()
		s := storetest.NewSampler("wan1", time.Now().Add(-20*time.Minute), 1)
		for n := range 24_000 {
			for n%500 == 0 && w.Health().Waiting > 5000 {
				time.Sleep(time.Millisecond)
			}
			w.Record(s.Next())
		}
		stop()
		return <-done
	}
}
