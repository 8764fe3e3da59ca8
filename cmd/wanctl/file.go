package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"wanctl/configs"
)

// defaultDB is where the recordings are when nothing else is said.
const defaultDB = "/var/lib/wanctl/profile.db"

// dbFlag chooses the file, or the files, that a verb works on.
func dbFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name: "db", TakesFile: true,
		Usage: "the recordings; several are one answer (default: $WANCTL_DB, else recorder.path of --config, else " + defaultDB + ")",
	}
}

// configFlag names a configuration whose recorder.path is meant.
func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", TakesFile: true, Usage: "take the file that this configuration records into"}
}

// databases returns the files that a reading verb answers from: --db, else
// $WANCTL_DB, else recorder.path of --config, else the usual place.
func (p *program) databases(c *cli.Context) ([]string, error) {
	if dbs := c.StringSlice("db"); len(dbs) > 0 {
		for i, db := range dbs {
			if db == "" {
				return nil, misuse("--db wants the name of a file")
			}
			for _, before := range dbs[:i] {
				if sameFile(before, db) {
					return nil, misuse("--db %s is given twice%s: its cycles would count double", db, otherName(before, db))
				}
			}
		}
		return dbs, nil
	}
	if db, ok := p.getenv("WANCTL_DB"); ok && db != "" {
		return []string{db}, nil
	}
	if config := configPath(c); config != "" {
		db, err := p.recorderPath(config)
		return []string{db}, err
	}
	return []string{defaultDB}, nil
}

// sameFile tells whether two names lead to one file. Of a file that is not there
// only its name can tell.
func sameFile(a, b string) bool {
	one, errA := os.Stat(a)
	two, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(one, two)
	}
	return absolute(a) == absolute(b)
}

// absolute returns a file's whole name, or the name as it is where that is unknown.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// otherName tells what a file was called the first time, if not the same.
func otherName(before, now string) string {
	if before == now {
		return ""
	}
	return ", first as " + before
}

// database is databases for a verb that works on one file.
func (p *program) database(c *cli.Context) (string, error) {
	dbs, err := p.databases(c)
	if err != nil {
		return "", err
	}
	if len(dbs) > 1 {
		return "", misuse("%s works on one file: give --db once", c.Command.Name)
	}
	return dbs[0], nil
}

// configPath returns --config of a verb that takes one; "" otherwise.
func configPath(c *cli.Context) string {
	if paths := c.StringSlice("config"); len(paths) > 0 {
		return paths[0]
	}
	return c.String("config")
}

// recorderPath returns the file that a daemon's configuration records into.
func (p *program) recorderPath(config string) (string, error) {
	daemon, err := configs.Kind(config)
	if err != nil {
		return "", err
	}
	recorder, findings := configs.Recorder(daemon, config, p.getenv)
	if errs := findings.Errors(); len(errs) > 0 {
		return "", fmt.Errorf("%s does not tell where its recordings are:\n%w", config, errs.Err())
	}
	return recorder, nil
}
