package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// words splits a command line of the documentation: blanks outside ” divide.
var words = regexp.MustCompile(`'[^']*'|\S+`)

// TestTheQuestionsAreUnderstood runs every command of docs/questions.md against a
// recording of long ago: it may have nothing to say, but it must understand.
func TestTheQuestionsAreUnderstood(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "questions.md"))
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "profile.db")
	if err := recordHouse(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WANCTL_DB", db)
	t.Chdir(t.TempDir())
	questions, commands := 0, 0
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "### ") {
			questions++
		}
		if !strings.HasPrefix(line, "wanctl ") {
			continue
		}
		commands++
		var args []string
		for _, w := range words.FindAllString(line, -1) {
			args = append(args, strings.Trim(w, "'"))
		}
		stderr := new(bytes.Buffer)
		if code := execute(t.Context(), strings.NewReader(""), new(bytes.Buffer), stderr, args); code == exitUsage {
			t.Errorf("%s%s", line, stderr)
		}
	}
	if questions != 20 || commands < questions {
		t.Errorf("%d questions, %d commands", questions, commands)
	}
}
