package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// Exit codes of every verb.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is what a verb may use of the world around it.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time
	getenv         func(string) (string, bool)
}

// verbs lists the commands in the order of the help.
func (p *program) verbs() []*cli.Command {
	return []*cli.Command{
		p.setupCommand(), p.doctorCommand(),
		p.autorateCommand(), p.steeringCommand(),
		p.analyzeCommand(), p.exportCommand(), p.compareCommand(), p.whyCommand(), p.topCommand(), p.serveCommand(),
		p.dbCommand(), p.importCommand(), p.replayCommand(),
		p.simulateCommand(), p.demoCommand(), p.completionCommand(), p.manCommand(), p.versionCommand(),
	}
}

// usageError is an error in how the program was called: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// misuse returns an error that ends the program with exit code 2.
func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// execute is the program: a function of its context, streams and arguments.
func execute(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args []string) int {
	p := &program{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, getenv: os.LookupEnv}
	err := p.app().RunContext(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "wanctl: %v\nTry: wanctl help\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "wanctl: %v\n", err)
		return exitFailed
	}
}

func (p *program) app() *cli.App {
	app := &cli.App{
		Name:        "wanctl",
		Usage:       "keeps a WAN free of bloat, and tells where the time of every cycle goes",
		Reader:      p.stdin,
		Writer:      p.stdout,
		ErrWriter:   p.stderr,
		HideVersion: true,
		// A path may hold a comma.
		DisableSliceFlagSeparator: true,
		// urfave/cli ends the process itself unless this is set.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   onUsageError,
		CommandNotFound: func(*cli.Context, string) {
			// Action says it, with an exit code.
		},
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return misuse("there is no verb %q%s", name, didYouMean(name, c.App.Commands))
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, v := range p.verbs() {
		app.Commands = append(app.Commands, strict(v))
	}
	return app
}

func onUsageError(_ *cli.Context, err error, _ bool) error { return usageError{err} }

// strict gives a verb and its subverbs the manners of all: usage errors come
// back as errors, and stray arguments are one.
func strict(v *cli.Command) *cli.Command {
	v.OnUsageError = onUsageError
	v.HideHelpCommand = true
	slices.SortStableFunc(v.Flags, func(a, b cli.Flag) int { return strings.Compare(a.Names()[0], b.Names()[0]) })
	if len(v.Subcommands) > 0 {
		for _, s := range v.Subcommands {
			strict(s)
		}
		if v.Action == nil {
			v.Action = func(c *cli.Context) error {
				if c.Args().Present() {
					return misuse("%s has no verb %q%s", v.Name, c.Args().First(), didYouMean(c.Args().First(), v.Subcommands))
				}
				return misuse("%s wants one of: %s", v.Name, strings.Join(names(v.Subcommands), ", "))
			}
		}
		return v
	}
	if action := v.Action; v.ArgsUsage == "" { // it takes no arguments
		v.Action = func(c *cli.Context) error {
			if c.Args().Present() {
				return misuse("%s: stray argument %q", v.Name, c.Args().First())
			}
			return action(c)
		}
	}
	return v
}

func names(vs []*cli.Command) (names []string) {
	for _, v := range vs {
		if !v.Hidden {
			names = append(names, v.Name)
		}
	}
	return names
}

// didYouMean names the verb that shares the longest beginning with what was typed.
func didYouMean(typed string, vs []*cli.Command) string {
	best, length := "", 1
	for _, name := range names(vs) {
		n := 0
		for n < min(len(name), len(typed)) && name[n] == typed[n] {
			n++
		}
		if n > length {
			best, length = name, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// isTerminal tells whether a stream is one where people look on.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
