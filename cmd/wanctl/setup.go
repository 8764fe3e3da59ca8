package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"wanctl/cmd/internal/doctor"
	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/routeros"
)

// setupCommand asks for what a configuration needs, tries each answer on the router,
// and writes the files.
func (p *program) setupCommand() *cli.Command {
	return &cli.Command{
		Name: "setup", Usage: "asks for router, queues, reflectors and rates, tries each answer, and writes the configuration",
		Description: "Nothing is changed on the router, and nothing is written before the last question is answered.\n" +
			"? explains a question, < goes back a step, Ctrl-C ends it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dir", TakesFile: true, Value: filepath.Dir(doctor.SecretsFile), Usage: "the folder to write into: WAN.yaml, steering.yaml, secrets, known_hosts"},
		},
		Action: func(c *cli.Context) error {
			if c.String("dir") == "" {
				return misuse("--dir wants the name of a folder")
			}
			dir, err := filepath.Abs(c.String("dir")) // services run elsewhere
			if err != nil {
				return err
			}
			if err := configs.Refused(cycle.Autorate, "lock_file", dir); err != nil { // files in it are named in the configuration
				return misuse("--dir: %v", err)
			}
			if err := writable(dir); err != nil { // said now, not after the last question
				return fmt.Errorf("setup writes into %s: %w (run as root, or give another folder with --dir)", dir, err)
			}
			s := &setup{program: p, prompter: prompter{c.Context, p.stdin, p.stdout}, dir: dir, answers: freshAnswers()}
			defer s.hangUp()
			err = s.run()
			if errors.Is(err, errBack) { // from the first question
				err = errEnded
			}
			if errors.Is(err, errEnded) && s.begun {
				err = errors.New("given up: some of the files may have been written")
			}
			return err
		},
	}
}

// setup is one conversation.
type setup struct {
	*program
	prompter
	dir string // the folder to write into
	answers
	variable string // the name that the password goes by
	begun    bool   // files may have been written

	client *routeros.Client // logged in, once the answers about the router allow it
	queues []routeros.ListedQueue
}

// answers are what was answered so far; before that, what is usual.
type answers struct {
	wan        string
	router     routeros.Config
	knownHosts string // the line to trust, where it is not on file yet
	down, up   string // queues
	reflectors []string
	baseline   float64 // ms
	downRate   float64 // Mbit/s
	upRate     float64
	downFloor  float64
	upFloor    float64
	steer      bool
	alternate  string
	rule       string
}

func freshAnswers() answers {
	cfg := routeros.DefaultConfig()
	cfg.Transport, cfg.User, cfg.Host = routeros.REST, "wanctl", gateway("/proc/net/route")
	cfg.Timeout = setupPatience
	return answers{wan: "wan1", router: cfg, baseline: 25, reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}}
}

// run goes through the questions, forth and back, then writes and looks.
func (s *setup) run() error {
	s.say("This writes a configuration for wanctl into %s, and tries each answer on the way.", s.dir)
	s.say("? explains a question, < goes back a step, Ctrl-C gives up. Nothing is written before the end.\n")
	steps := []func() error{s.askName, s.askRouter, s.askTrust, s.askLogin, s.askQueues, s.askReflectors, s.askRates, s.askSteering, s.confirm, s.write}
	for i := 0; i < len(steps); {
		switch err := steps[i](); {
		case errors.Is(err, errBack):
			if i == 0 {
				return errBack
			}
			i--
		case err != nil:
			return err
		default:
			i++
		}
	}
	return s.finish(s.paths())
}

// again tells what went wrong, and asks whether to try once more: no answer is lost.
func (s *setup) again(wrong error) error {
	s.say("%v", wrong)
	ok, err := s.yes("Try again", true, "Put it right first. < goes back to the questions, which keep their answers.")
	if errors.Is(err, errEnded) || err == nil && !ok {
		return fmt.Errorf("given up: %w", wrong)
	}
	return err
}

// hangUp ends the session on the router.
func (s *setup) hangUp() {
	if s.client != nil {
		_ = s.client.Close()
		s.client = nil
	}
}

// finish looks at what was written as the doctor does, and tells what comes next.
func (s *setup) finish(paths []string) error {
	s.hangUp()
	secrets, flag := s.path("secrets"), " --secrets "+s.path("secrets")
	if s.router.Password == "" { // a key logs in
		secrets, flag = "", ""
	}
	e, err := s.examiner(paths, "", secrets)
	if err != nil {
		return err
	}
	s.say("\nChecking all of it, as wanctl doctor does:\n")
	checks := e.Examine(s.ctx)
	if err := doctor.Text(s.out, checks); err != nil {
		return err
	}
	s.say("\nNext, without writing to the router, then for good:\n")
	if secrets != "" {
		s.say("  set -a; . %s; set +a", secrets)
	}
	s.say("  wanctl autorate --config %s --dry-run --no-record --cycles 10", paths[0])
	s.say("  wanctl autorate --config %s", paths[0])
	if len(paths) > 1 {
		s.say("  wanctl steering --config %s", paths[1])
	}
	if s.dir == filepath.Dir(doctor.SecretsFile) {
		s.say("\nor, as services: systemctl enable --now wanctl-autorate@%s%s", s.wan, map[bool]string{true: " wanctl-steering"}[len(paths) > 1])
	}
	s.say("\nLater:\n\n  wanctl doctor --config %s%s", paths[0], flag)
	s.say("  wanctl analyze --config %s --since 1h", paths[0])
	s.say("  wanctl why --config %s --since 1h", paths[0])
	if n := doctor.Count(checks, doctor.Fail); n > 0 {
		return fmt.Errorf("the configuration is written, and %s failed: see above", count(int64(n), "check"))
	}
	return nil
}

// path returns where a file of the setup's goes.
func (s *setup) path(name string) string { return filepath.Join(s.dir, name) }

// writable tells whether a folder, or one to be made, can be written into.
func writable(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
	}
}

// exists tells whether there is something at a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
