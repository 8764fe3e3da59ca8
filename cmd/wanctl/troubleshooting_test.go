package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codeText is text in backquotes.
var codeText = regexp.MustCompile("`([^`]+)`")

// TestTheMessagesOfThePageExist holds every log message that docs/troubleshooting.md
// names against the program's source: none is there that the program does not say.
func TestTheMessagesOfThePageExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	source := programSource(t)
	named := 0
	for line := range strings.Lines(string(page)) {
		messages, ok := strings.CutPrefix(line, "In the log: ")
		if !ok {
			continue
		}
		for _, m := range codeText.FindAllStringSubmatch(messages, -1) {
			if named++; !strings.Contains(source, m[1]) {
				t.Errorf("docs/troubleshooting.md names a message that the program does not say: %s", m[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("only %d messages found on the page: the pattern no longer finds them", named)
	}
}

// programSource is the text of the program, tests and the simulator apart.
func programSource(t *testing.T) string {
	t.Helper()
	b := new(strings.Builder)
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "simulator" || d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
