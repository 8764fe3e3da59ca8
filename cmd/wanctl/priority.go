package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// niceness is how far a program that only answers questions stands back: where both
// want the processor a daemon gets nine times as much (1024 to 110 in Linux's
// weights), and its writes come before our reads (I/O priority follows niceness
// where it is not set).
const niceness = 10

// lowerPriority lets every thread of this process stand back. Linux counts
// niceness by thread, and a new thread has its maker's: a second look finds those
// that were made meanwhile.
func lowerPriority() error {
	lowered := map[int]bool{}
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		found := false
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil || lowered[id] {
				continue
			}
			found, lowered[id] = true, true
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, niceness); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("setpriority: %w", err)
			}
		}
		if !found {
			return nil
		}
	}
}
