package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"wanctl/cmd/internal/doctor"
)

// doctorCommand looks for what keeps a service from running well.
func (p *program) doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "checks everything a running service needs, and says what to do",
		Description: "It only looks: nothing is changed on the router or the disk. Exit code 1 if a check failed.\n" +
			"With --from-python: what becomes of the Python program's files, and the way over, step by step.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "config", TakesFile: true, Usage: "a configuration of autorate or steering; once for each"},
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json"},
			&cli.StringFlag{Name: "user", Usage: "whom the service runs as (default: wanctl, where root asks and there is one)"},
			secretsFlag(),
			&cli.BoolFlag{Name: "from-python", Usage: "for users of the Python program (default for --config: /etc/wanctl/*.yaml)"},
		},
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if format != "text" && format != "json" {
				return misuse("--format %q is none (use text or json)", format)
			}
			e, err := p.examiner(c.StringSlice("config"), c.String("user"), c.String("secrets"))
			if err != nil {
				return err
			}
			var move doctor.Move
			switch {
			case c.Bool("from-python"):
				if move, err = e.FromPython(); err != nil {
					return err
				}
			case len(e.Configs) == 0:
				return misuse("doctor wants --config FILE, once for each configuration")
			default:
				move.Checks = e.Examine(c.Context)
			}
			if err := c.Context.Err(); err != nil {
				return err
			}
			if err := p.tellChecks(move, format); err != nil {
				return err
			}
			if n := doctor.Count(move.Checks, doctor.Fail); n > 0 {
				return fmt.Errorf("%s failed", count(int64(n), "check"))
			}
			return nil
		},
	}
}

// tellChecks shows the checks, and the steps where there are some.
func (p *program) tellChecks(m doctor.Move, format string) error {
	if format == "json" {
		return doctor.JSON(p.stdout, m.Checks, m.Steps...)
	}
	return m.Text(p.stdout)
}

// secretsFlag names the file that the service's unit takes its secrets from.
func secretsFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "secrets", TakesFile: true,
		Usage: "NAME=value lines for ${NAME}, as the service's unit reads them (default: what " + doctor.SecretsFile + " has and the environment has not)",
	}
}

// examiner returns what looks at the configurations, with this machine's users,
// locks and secrets.
func (p *program) examiner(paths []string, user, secrets string) (*doctor.Examiner, error) {
	account, err := doctor.AccountOf(user)
	if err != nil {
		return nil, err
	}
	e := &doctor.Examiner{Configs: paths, Getenv: p.getenv, Account: account, Holder: heldBy, Proc: "/proc"}
	usual := secrets == ""
	if usual {
		secrets = doctor.SecretsFile
	}
	values, err := doctor.ReadSecrets(secrets)
	switch {
	case err == nil:
		e.Secrets = secrets
		e.Getenv = func(name string) (string, bool) {
			v, ok := values[name]
			if own, set := p.getenv(name); set && (usual || !ok) {
				return own, true
			}
			return v, ok
		}
	case usual && errors.Is(err, fs.ErrNotExist):
	case usual && errors.Is(err, fs.ErrPermission):
		fmt.Fprintf(p.stderr, "warning: %v (run as root to use it)\n", err)
	default:
		return nil, err
	}
	return e, nil
}
