package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// commandText finds the commands that a page tells people to type: in `code` or
// on a line of a code block, up to what a shell or the page's table would end.
var commandText = regexp.MustCompile("(?m)(?:^|`|\\./)wanctl ([a-z][^`#|>\n]*)")

// TestPagesNameRealCommands holds every command that the pages show against the
// program: the verb is there, and so is each of its flags.
func TestPagesNameRealCommands(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	app := (&program{}).app()
	seen := 0
	for _, page := range append(pages, "../../README.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandText.FindAllStringSubmatch(string(text), -1) {
			seen++
			checkCommand(t, filepath.Base(page), app, m[1])
		}
	}
	if seen < 20 {
		t.Errorf("only %d commands found in the pages: the pattern no longer finds them", seen)
	}
}

func checkCommand(t *testing.T, page string, app *cli.App, text string) {
	t.Helper()
	words := strings.Fields(text)
	name := strings.TrimRight(words[0], ".,:;)")
	if name == "help" {
		return
	}
	verb := app.Command(name)
	if verb == nil {
		t.Errorf("%s: `wanctl %s`: there is no verb %q", page, text, name)
		return
	}
	flags := slices.Clone(verb.Flags)
	for _, s := range verb.Subcommands {
		flags = append(flags, s.Flags...)
	}
	for _, w := range words[1:] {
		flag, ok := strings.CutPrefix(strings.Trim(w, "[]().,;"), "--")
		if !ok {
			continue
		}
		flag, _, _ = strings.Cut(flag, "=")
		if !slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) }) && flag != "help" {
			t.Errorf("%s: `wanctl %s`: the verb has no flag --%s", page, text, flag)
		}
	}
}

// TestSecretsAreInstalledForRootAlone holds what the pages and the package's own test
// tell to type against what the doctor is content with.
func TestSecretsAreInstalledForRootAlone(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"docs/install.md", "configs/packaging/secrets.example", "configs/packaging/check"} {
		text, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), " install -m 0600 secrets.example /etc/wanctl/secrets\n") {
			t.Errorf("%s installs the secrets in another way", path)
		}
	}
}
