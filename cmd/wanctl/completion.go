package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"
)

// The scripts hold all verbs and flags themselves, so that a press of the tab key
// starts no program. All three find out the same way where in the verbs the line has
// come to: a place is the verbs up to there, such as /db/info.
//
// Note: urfave/cli's own completion runs the program at every press and knows
// nothing of files; its generator for fish takes the "check" of "db check" for a
// verb.
var shells = []struct {
	name, install string
	write         func(io.Writer, []place)
}{
	{"bash", "wanctl completion bash >/etc/bash_completion.d/wanctl", bashCompletion},
	{"zsh", "wanctl completion zsh >/usr/local/share/zsh/site-functions/_wanctl", zshCompletion},
	{"fish", "wanctl completion fish >~/.config/fish/completions/wanctl.fish", fishCompletion},
}

func (p *program) completionCommand() *cli.Command {
	verb := &cli.Command{Name: "completion", Usage: "prints what makes a shell complete wanctl's verbs and flags"}
	for _, shell := range shells {
		verb.Subcommands = append(verb.Subcommands, &cli.Command{
			Name: shell.name, Usage: "for " + shell.name + ": " + shell.install,
			Action: func(c *cli.Context) error {
				var script strings.Builder
				shell.write(&script, placesBelow("", p.app().Commands, nil))
				_, err := io.WriteString(p.stdout, script.String())
				return err
			},
		})
	}
	return verb
}

// place is a place in the verbs.
type place struct {
	at    string // "" is the program itself, "/db/info" a verb of a verb
	verbs []*cli.Command
	flags []flagWord
	files bool // its arguments are files
}

// flagWord is a flag as the shells see it.
type flagWord struct {
	name, usage string
	value       bool // a word follows
	file        bool // which is a file
	repeats     bool
}

// placesBelow lists a place and those below it.
func placesBelow(at string, verbs []*cli.Command, self *cli.Command) []place {
	here := place{at: at, flags: []flagWord{{name: "help", usage: "show help"}}}
	if self != nil {
		here.files = self.ArgsUsage != ""
		for _, f := range self.Flags {
			here.flags = append(here.flags, flagWordOf(f))
		}
	}
	all := []place{here}
	for _, v := range verbs {
		if !v.Hidden {
			all[0].verbs = append(all[0].verbs, v)
			all = append(all, placesBelow(at+"/"+v.Name, v.Subcommands, v)...)
		}
	}
	return all
}

func flagWordOf(f cli.Flag) flagWord {
	w := flagWord{name: f.Names()[0]}
	if doc, ok := f.(cli.DocGenerationFlag); ok {
		w.usage, w.value = doc.GetUsage(), doc.TakesValue()
	}
	switch f := f.(type) {
	case *cli.StringFlag:
		w.file = f.TakesFile
	case *cli.StringSliceFlag:
		w.file = f.TakesFile
	}
	if s, ok := f.(cli.DocGenerationSliceFlag); ok {
		w.repeats = s.IsSliceFlag()
	}
	return w
}

// joined lists all places but the program itself, as the alternatives of a shell's
// case.
func joined(places []place, separator string) string {
	var all []string
	for _, p := range places[1:] {
		all = append(all, p.at)
	}
	return strings.Join(all, separator)
}

func bashCompletion(w io.Writer, places []place) {
	fmt.Fprintf(w, `# bash completion for wanctl
_wanctl() {
    local at= word words= cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $at/$word in
            %s) at=$at/$word ;;
        esac
    done
    COMPREPLY=()
    case "$at $prev" in
`, joined(places, "|"))
	for _, p := range places {
		for _, f := range p.flags {
			switch {
			case f.file:
				fmt.Fprintf(w, "        '%s --%s') return ;;\n", p.at, f.name)
			case f.value: // it is not for us to guess
				fmt.Fprintf(w, "        '%s --%s') compopt +o default +o bashdefault; return ;;\n", p.at, f.name)
			}
		}
	}
	fmt.Fprint(w, "    esac\n    case \"$at $cur\" in\n")
	for _, p := range places {
		var flags []string
		for _, f := range p.flags {
			flags = append(flags, "--"+f.name)
		}
		fmt.Fprintf(w, "        '%s -'*) words='%s' ;;\n", p.at, strings.Join(flags, " "))
		if words := strings.Join(names(p.verbs), " "); words != "" {
			fmt.Fprintf(w, "        '%s '*) words='%s' ;;\n", p.at, words)
		} else if p.files {
			fmt.Fprintf(w, "        '%s '*) return ;;\n", p.at)
		}
	}
	fmt.Fprint(w, `    esac
    compopt +o default +o bashdefault
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _wanctl wanctl
`)
}

func zshCompletion(w io.Writer, places []place) {
	// Note: the place is not called path, which is zsh's own name for $PATH.
	fmt.Fprintf(w, `#compdef wanctl
# zsh completion for wanctl
_wanctl() {
    local at= word
    local -a verbs
    for word in ${words[2,CURRENT-1]}; do
        case $at/$word in
            %s) at=$at/$word ;;
        esac
    done
    case $at in
`, joined(places, "|"))
	for _, p := range places {
		fmt.Fprintf(w, "        '%s')\n", p.at)
		if len(p.verbs) > 0 {
			fmt.Fprint(w, "            verbs=(")
			for _, v := range p.verbs {
				fmt.Fprintf(w, "\n                %s", quote(v.Name+":"+v.Usage))
			}
			fmt.Fprint(w, ")\n            [[ ${words[CURRENT]} == -* ]] || { _describe verb verbs; return }\n")
		}
		fmt.Fprint(w, "            _arguments")
		for _, f := range p.flags {
			spec := "--" + f.name + "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(f.usage) + "]"
			if f.repeats {
				spec = "*" + spec
			}
			switch {
			case f.file:
				spec += ":file:_files"
			case f.value:
				spec += ":value: "
			}
			fmt.Fprintf(w, " \\\n                %s", quote(spec))
		}
		if p.files {
			fmt.Fprint(w, " \\\n                '*:file:_files'")
		} else {
			fmt.Fprint(w, " \\\n                '*: : '")
		}
		fmt.Fprint(w, " ;;\n")
	}
	fmt.Fprint(w, "    esac\n}\n[ \"$funcstack[1]\" = _wanctl ] && _wanctl \"$@\" || compdef _wanctl wanctl\n")
}

func fishCompletion(w io.Writer, places []place) {
	fmt.Fprintf(w, `# fish completion for wanctl
function __wanctl_at
    set -l at ''
    for word in (commandline -opc)[2..]
        switch "$at/$word"
            case %s
                set at "$at/$word"
        end
    end
    test "$at" = "$argv[1]"
end
complete -c wanctl -f
`, joined(places, " "))
	for _, p := range places {
		here := fmt.Sprintf("complete -c wanctl -n '__wanctl_at \"%s\"'", p.at)
		for _, v := range p.verbs {
			fmt.Fprintf(w, "%s -a %s -d %s\n", here, v.Name, fishQuote(v.Usage))
		}
		if p.files {
			fmt.Fprintf(w, "%s -F\n", here)
		}
		for _, f := range p.flags {
			value := ""
			switch {
			case f.file:
				value = " -r -F"
			case f.value:
				value = " -x"
			}
			fmt.Fprintf(w, "%s -l %s%s -d %s\n", here, f.name, value, fishQuote(f.usage))
		}
	}
}

// quote makes one word of a text, for bash and zsh.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:,@%+-]+$`)

// shellWord is a text as it is typed in a shell: quoted where that is needed.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return quote(s)
}

// fishQuote makes one word of a text, for fish.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
