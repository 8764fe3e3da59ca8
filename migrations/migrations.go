// Package migrations holds the schema of the recording file as numbered steps.
//
// A file's PRAGMA user_version is the number of the last step it has taken.
// Steps are only ever added: what has been released is not changed.
//
// Note: a migration tool with a version table of its own (goose) was tried and
// left: it knows neither application_id nor user_version, by which a foreign
// and a newer file are told, it puts a table of its own into a file that is to
// explain itself, and two daemons that start at once need the check and the
// step in one BEGIN IMMEDIATE.
package migrations

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ApplicationID is the PRAGMA application_id of a recording file: "wanc".
const ApplicationID = 0x77616e63

//go:embed *.sql
var files embed.FS

// Step is one migration.
type Step struct {
	Number int // user_version of a file that has taken it
	Name   string
	SQL    string // several statements, to be run in one transaction
}

// Steps are all steps in order, numbered from 1 without a gap.
var Steps = load()

// Newest returns the user_version of an up-to-date file.
func Newest() int { return Steps[len(Steps)-1].Number }

func load() (steps []Step) {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic(err)
		}
		number, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			panic(fmt.Errorf("migration %s does not begin with a number", e.Name()))
		}
		steps = append(steps, Step{Number: n, Name: name, SQL: string(text)})
	}
	slices.SortFunc(steps, func(a, b Step) int { return a.Number - b.Number })
	return steps
}
