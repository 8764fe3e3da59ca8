package main

import (
	"fmt"

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
		seen := map[string]bool{}
		for _, db := range dbs {
			if db == "" {
				return nil, misuse("--db wants the name of a file")
			}
			if seen[db] {
				return nil, misuse("--db %s is given twice: its cycles would count double", db)
			}
			seen[db] = true
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
