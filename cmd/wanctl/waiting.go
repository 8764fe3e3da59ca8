package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// opened opens what may be a pipe whose other end never comes: the end of the
// context ends the wait for it.
func opened(ctx context.Context, path string, flag int) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result, 1)
	go func() { // ends when the other end comes, at the latest with the process
		f, err := os.OpenFile(path, flag, 0)
		done <- result{f, err}
	}()
	select {
	case r := <-done:
		return r.file, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: %w", path, context.Cause(ctx))
	}
}

// untilDone reads from what may keep silent for ever, such as a pipe or a terminal,
// until the context ends. The caller closes what it returns, and r after that.
func untilDone(ctx context.Context, r io.Reader) io.ReadCloser {
	in, out := io.Pipe()
	stop := context.AfterFunc(ctx, func() { out.CloseWithError(context.Cause(ctx)) })
	go func() { // ends with the reading that is under way, at the latest with the process
		_, err := io.Copy(out, r)
		stop()
		out.CloseWithError(err)
	}()
	return in
}
