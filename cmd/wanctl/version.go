package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
	sqlite3 "modernc.org/sqlite/lib"
)

// version is set by the build; a plain `go install` tells its module's.
var version = ""

// build is what the program knows of its own making.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SQLite   string `json:"sqlite"`
}

func thisBuild() build {
	b := build{
		Version: version, Go: runtime.Version(),
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
		}
	}
	return b
}

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "version, commit, Go, SQLite",
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
			_, err := fmt.Fprintf(p.stdout, "wanctl %s\ncommit  %s\nGo      %s %s\nSQLite  %s\n", b.Version, commit, b.Go, b.Platform, b.SQLite)
			return err
		},
	}
}
