package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// How each shell is asked what it would make of a line ($LINE) whose last word is
// being typed, with the script ($SCRIPT) loaded: what it offers, a word a line.
var askShell = map[string]string{
	"bash": `
source "$SCRIPT"
compopt() { if [ "$1 $2" = "+o default" ]; then files=no; fi; }
read -ra COMP_WORDS <<<"$LINE"
[[ $LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) files=yes
_wanctl
if [ $files = yes ]; then compgen -f -- "${COMP_WORDS[-1]}"; else printf '%s\n' "${COMPREPLY[@]}"; fi`,
	// A shell in a terminal of its own, whose completion is made to print words
	// instead of inserting them.
	"zsh": `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1= PS2=; autoload -Uz compinit; compinit -D -u; source '$SCRIPT'; stty -echo"
zpty -w z 'compadd() {
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return $?; }
    local -a __hits; builtin compadd -A __hits "$@"; print -rl -- "HIT:"${^__hits}; builtin compadd "$@"
}
list() { zle complete-word; print; print END; exit }
zle -C complete-word complete-word _main_complete; zle -N list; bindkey "^I" list; print READY'
zpty -r -m z ignored '*READY*READY*' 
zpty -w -n z "$LINE"$'\t'
while zpty -r z line; do
    line=${line%%$'\r\n'}
    [[ $line == *END* ]] && break
    [[ $line == *HIT:?* ]] && print -r -- ${line##*HIT:}
done`,
	"fish": `source "$SCRIPT"; complete -C "$LINE" | string replace -r '\t.*' ''`,
}

// TestCompletion asks the shells themselves.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range shells {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell.name); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			var script bytes.Buffer
			if code := execute(t.Context(), nil, &script, &script, []string{"wanctl", "completion", shell.name}); code != exitDone {
				t.Fatal(script.String())
			}
			path := filepath.Join(dir, "script")
			for _, name := range []string{path, filepath.Join(dir, "wan1.yaml")} {
				if err := os.WriteFile(name, script.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for line, want := range map[string][]string{
				"wanctl ana":                           {"analyze"},
				"wanctl ste":                           {"steering"},
				"wanctl db ":                           {"check", "info", "prune"},
				"wanctl steering --re":                 {"--reset"},
				"wanctl autorate --re":                 nil, // another verb's
				"wanctl db prune --max":                {"--max-size"},
				"wanctl autorate --config wan":         {"wan1.yaml"},
				"wanctl autorate --check --config wan": {"wan1.yaml"},
				"wanctl autorate wan":                  nil, // it takes no arguments
				"wanctl autorate --cycles wan":         nil, // a number
				"wanctl import wan":                    {"wan1.yaml"},
				"wanctl completion z":                  {"zsh"},
			} {
				got := ask(t, dir, shell.name, path, line)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q (-want +got):\n%s", line, diff)
				}
			}
		})
	}
}

func ask(t *testing.T, dir, shell, script, line string) (offered []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell, "-c", askShell[shell])
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TERM=dumb", "SCRIPT=" + script, "LINE=" + line}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil && ctx.Err() != nil {
		t.Fatalf("%s does not answer to %q: %s", shell, line, out)
	}
	for word := range strings.Lines(string(out)) {
		if word = strings.TrimSpace(word); word != "" {
			offered = append(offered, word)
		}
	}
	slices.Sort(offered)
	return slices.Compact(offered)
}

// TestManual holds the manual page against the program, and against what formats it.
func TestManual(t *testing.T) {
	t.Parallel()
	app := (&program{}).app()
	page := manual(app, build{Version: "1.2.3", Built: "2026-01-09T15:04:05Z"})
	for _, want := range []string{
		`.TH WANCTL 1 "2026-01-09" "wanctl 1.2.3"`, ".SS wanctl db prune\n", `.B \-\-max\-size value`, ".SS wanctl import FILE",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if strings.Contains(page, "wanctl man") {
		t.Error("a hidden verb is in the page")
	}
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command("man", "--warnings", "-l", "-")
	cmd.Stdin = strings.NewReader(page)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "MANWIDTH=80", "PAGER=cat"}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if out, err := cmd.Output(); err != nil || complaints.Len() > 0 || !bytes.Contains(out, []byte("EXIT STATUS")) {
		t.Errorf("man does not take the page: %v\n%s", err, complaints.String())
	}
}
