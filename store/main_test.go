package store

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wanctl/cycle"
)

// children are programs that tests start as processes of their own, to stop and
// kill them.
var children = map[string]func(path, runtime string) error{"record": childRecords, "loop": childLoops}

const childEnv = "WANCTL_STORE_CHILD"

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil {
		if err := child(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func childConfig(path, runtime string) Config {
	cfg := DefaultConfig()
	cfg.Path, cfg.Runtime, cfg.FlushInterval = path, runtime, 20*time.Millisecond
	return cfg
}

// childRecords records as fast as it is told to by WANCTL_PAUSE, and says after
// each cycle how many it has handed over.
func childRecords(path, runtime string) error {
	pause, err := time.ParseDuration(os.Getenv("WANCTL_PAUSE"))
	if err != nil {
		return err
	}
	w := NewWriter(childConfig(path, runtime), nil)
	w.Begin()
	go func() { _ = w.Run(context.Background()) }()
	for s := newSampler("wan1", time.Now()); ; {
		c := s.Next()
		w.Record(c)
		if _, err := os.Stdout.WriteString(strconv.FormatInt(c.Seq, 10) + "\n"); err != nil {
			return err
		}
		time.Sleep(pause)
	}
}

// idle is a daemon that measures nothing.
type idle struct{}

func (idle) Turn(context.Context, *cycle.Timer) (cycle.Decision, error) {
	return cycle.Decision{}, nil
}

// childLoops runs a loop of 20 ms until it is told to end.
func childLoops(path, runtime string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	w := NewWriter(childConfig(path, runtime), nil)
	writing, end := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(writing) }()
	loop := cycle.Loop{
		Info:   &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: time.Now(), Budget: 20 * time.Millisecond},
		Daemon: idle{}, Recorder: w,
	}
	err := loop.Run(ctx)
	end()
	if e := <-done; err == nil {
		err = e
	}
	return err
}
