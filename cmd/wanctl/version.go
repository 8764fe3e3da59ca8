package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
	sqlite3 "modernc.org/sqlite/lib"
)

// Set by make; what a plain `go install` knows is in its build information. That of
// make is left out, because the compiler finds a commit in some kinds of checkout
// and not in others, and one commit is to make one program.
var version, commit, built string

// build is what the program knows of its own making.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Built is the commit's time, RFC 3339 in UTC. That of the compiler's run would
	// make each build of one commit another program.
	Built    string `json:"built,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SQLite   string `json:"sqlite"`
}

func thisBuild() build {
	b := build{
		Version: version, Commit: commit, Modified: strings.HasSuffix(version, "-dirty"), Built: built, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, SQLite: sqlite3.SQLITE_VERSION,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Built = s.Value
		}
	}
	return b
}

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "version, commit and its time, Go, SQLite",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as one JSON object"}},
		Action: func(c *cli.Context) error {
			b := thisBuild()
			if c.Bool("json") {
				return json.NewEncoder(p.stdout).Encode(b)
			}
			commit := b.Commit
			if commit == "" {
				commit = "unknown"
			} else if b.Modified {
				commit += " (modified)"
			}
			if b.Built != "" {
				commit += " of " + b.Built
			}
			_, err := fmt.Fprintf(p.stdout, "wanctl %s\ncommit  %s\nGo      %s %s\nSQLite  %s\n", b.Version, commit, b.Go, b.Platform, b.SQLite)
			return err
		},
	}
}
