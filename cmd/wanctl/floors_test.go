package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors says on which floor each package stands, by its folder; a folder below
// one that is named stands on the floor of the longest name that fits. Imports
// only point down.
var floors = map[string]int{
	"cycle": 0, "migrations": 0,
	"cycle/*": 1, "store": 1, "analyze": 1,
	"configs": 2, "analyze/report": 2, "store/storetest": 2, "cycle/routeros/simulator": 2,
	"analyze/report/page": 3, "analyze/report/screen": 3, "analyze/report/browser": 3,
	"analyze/report/site": 4, "cmd/internal/*": 4,
	"configs/packaging/*": 4, // what makes the packages; nobody imports it
	"cmd/wanctl":          5,
}

// floorOf returns the floor of a package; ok is false for one that has no place.
func floorOf(folder string) (floor int, ok bool) {
	if floor, ok = floors[folder]; ok {
		return floor, true
	}
	if parent, _ := filepath.Split(folder); parent != "" {
		floor, ok = floors[parent+"*"]
	}
	return floor, ok
}

// violation says what is wrong with a package's import of another, both of this
// module and named by their folders; "" if nothing is.
func violation(from, to string) string {
	fromFloor, ok := floorOf(from)
	if !ok {
		return fmt.Sprintf("%s has no floor: give it a place in the house", from)
	}
	toFloor, ok := floorOf(to)
	if !ok {
		return fmt.Sprintf("%s imports %s, which has no floor", from, to)
	}
	if toFloor >= fromFloor {
		return fmt.Sprintf("%s (floor %d) imports %s (floor %d): imports only point down", from, fromFloor, to, toFloor)
	}
	return ""
}

// foreign says what is wrong with a package's import from elsewhere.
func foreign(from, path string) string {
	if first, _, _ := strings.Cut(path, "/"); from == "cycle" && strings.Contains(first, ".") {
		return fmt.Sprintf("cycle imports %s: it may import the standard library alone", path)
	}
	return ""
}

// TestFloors reads the imports of all packages, tests apart: those of a package
// may look at any room.
func TestFloors(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	packages := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || isModule(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		packages[folder] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			wrong := foreign(folder, imported)
			if to, ours := strings.CutPrefix(imported, "wanctl/"); ours {
				wrong = violation(folder, to)
			}
			if wrong != "" {
				t.Errorf("%s: %s", path, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cycle", "store", "analyze", "configs", "cmd/wanctl"} {
		if !packages[want] {
			t.Errorf("no package found in %s: is the test looking in the right place?", want)
		}
	}
}

// isModule tells whether a folder is a module of its own, such as the one that
// holds benchmarks against other libraries.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil && filepath.Clean(folder) != filepath.Join("..", "..")
}

// TestTopLevel keeps the folders of the project to those of its plan.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"cmd", "store", "cycle", "analyze", "migrations", "configs", "docs", "dist"}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("folder %s is not in the plan of the house", e.Name())
		}
	}
}

func TestFloorViolationsAreFound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		from, to string
		wrong    bool
	}{
		{"cmd/wanctl", "store", false},
		{"store", "cycle", false},
		{"store", "migrations", false},
		{"configs", "cycle/autorate", false},
		{"analyze/report", "analyze", false},
		{"cycle/routeros/simulator", "cycle", false},
		{"store", "analyze", true},
		{"analyze", "store", true},
		{"cycle", "store", true},
		{"cycle/autorate", "cycle/state", true},
		{"cycle/routeros", "cycle/routeros/simulator", true},
		{"configs", "cmd/wanctl", true},
		{"cycle", "migrations", true},
		{"helpers", "cycle", true},
		{"cmd/wanctl", "helpers", true},
	} {
		if got := violation(tc.from, tc.to); (got != "") != tc.wrong {
			t.Errorf("%s imports %s: %q, want an objection: %v", tc.from, tc.to, got, tc.wrong)
		}
	}
	if foreign("cycle", "golang.org/x/sys/unix") == "" || foreign("cycle", "log/slog") != "" || foreign("store", "modernc.org/sqlite") != "" {
		t.Error("imports from elsewhere are not told from the standard library's")
	}
}
