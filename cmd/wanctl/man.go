package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// manCommand prints the manual page, for those who make packages.
func (p *program) manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "prints the manual page", Hidden: true,
		Action: func(c *cli.Context) error {
			_, err := io.WriteString(p.stdout, manual(p.app(), thisBuild()))
			return err
		},
	}
}

// The parts of the manual page that no verb tells of itself, in roff.
const (
	manualIntroduction = `.SH SYNOPSIS
.B wanctl
.I verb
.RI [ flags ]
.SH DESCRIPTION
Controls a WAN's CAKE queues on a MikroTik router, records every timed part of every
cycle into one local SQLite file, and answers questions about it.
.PP
.B wanctl demo
shows all of it without a router.
.SH VERBS
`
	manualEnd = `.SH FILES
.TP
.I /etc/wanctl/*.yaml
The configurations: one for each WAN, and
.I steering.yaml
for steering.
.TP
.I /etc/wanctl/secrets
NAME=value lines for the ${NAME} of the configurations, read by the systemd units; of
mode 0600, for root alone.
.TP
.I /var/lib/wanctl/profile.db
The recording.
.TP
.I /var/lib/wanctl/
The state of the steering daemon.
.TP
.I /run/wanctl/
Locks, the state of the autorate daemons, and the cycles that are not yet in the
recording.
.TP
.I /var/log/wanctl/
The log files that the configurations name.
.SH ENVIRONMENT
.TP
.B WANCTL_DB
The recording, unless
.B \-\-db
names one; goes before the configuration. A daemon whose configuration records
nothing does not begin to because of it.
.TP
.B WANCTL_LOG_FORMAT
.B json
for one JSON object a log line.
.TP
.BR RUNTIME_DIRECTORY
Where cycles are kept that are not yet in the recording, instead of
.IR /run/wanctl ;
systemd sets it.
.SH EXIT STATUS
0 done, 1 failed, 2 wrong usage.
.SH EXAMPLES
.TP
What a configuration is understood as:
wanctl autorate \-\-config /etc/wanctl/wan1.yaml \-\-check
.TP
Where the time of the last hour's cycles went:
wanctl analyze \-\-since 1h
.TP
The daemon of one WAN, for good:
systemctl enable \-\-now wanctl\-autorate@wan1
.SH SEE ALSO
.BR tc\-cake (8),
.BR systemctl (1),
.BR sqlite3 (1)
`
)

// manual returns the manual page, in roff.
func manual(app *cli.App, b build) string {
	page := new(strings.Builder)
	date := ""
	if built, err := time.Parse(time.RFC3339, b.Built); err == nil {
		date = built.UTC().Format(time.DateOnly)
	}
	fmt.Fprintf(page, ".TH WANCTL 1 %q %q\n.SH NAME\n%s \\- %s\n%s", date, "wanctl "+b.Version, app.Name, roff(app.Usage), manualIntroduction)
	manualVerbs(page, app.Name, app.Commands)
	page.WriteString(manualEnd)
	return page.String()
}

func manualVerbs(page *strings.Builder, before string, verbs []*cli.Command) {
	for _, v := range verbs {
		if v.Hidden {
			continue
		}
		name := before + " " + v.Name
		fmt.Fprintf(page, ".SS %s\n%s.\n", roff(strings.TrimSpace(name+" "+v.ArgsUsage)), roff(capital(v.Usage)))
		for _, f := range flagsOf(v) {
			fmt.Fprintf(page, ".TP\n.B %s\n%s.\n", roff(f[0]), roff(capital(f[1])))
		}
		manualVerbs(page, name, v.Subcommands)
	}
}

// flagsOf lists what a verb's help tells of its flags: how it is written, and what
// it is for.
func flagsOf(v *cli.Command) (flags [][2]string) {
	for _, f := range v.Flags {
		written, usage, _ := strings.Cut(cli.FlagStringer(f), "\t")
		flags = append(flags, [2]string{written, strings.TrimSuffix(usage, " (default: false)")})
	}
	return flags
}

// capital begins a text with a capital letter.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// roff escapes a text: a hyphen that is to be typed is no hyphen of a word, and a
// dot or quote that begins a line is no request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ").Replace(strings.TrimSpace(s))
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
