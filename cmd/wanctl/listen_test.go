package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// listens finds what opens a listening socket.
var listens = regexp.MustCompile(`\b(?:net\.Listen|net\.ListenTCP|net\.ListenUnix|ListenConfig|ListenAndServe|ListenAndServeTLS)\b`)

// TestEveryListenerIsOnThePage keeps the table of docs/security.md complete.
func TestEveryListenerIsOnThePage(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !listens.Match(text) {
			return err
		}
		found++
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err == nil && !strings.Contains(string(page), "| `"+folder+"` |") {
			t.Errorf("%s listens: name its package, what it is and who switches it on in docs/security.md", path)
		}
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("%d listeners found, %v", found, err)
	}
}
