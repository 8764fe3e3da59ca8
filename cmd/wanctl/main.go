// Command wanctl controls a WAN's CAKE queues on a MikroTik router, records
// where the time of every cycle goes, and answers questions about it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first signal asks for an orderly end; stop gives the second its
	// default effect, which is to end the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Stdin, os.Stdout, os.Stderr, os.Args))
}
