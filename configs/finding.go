package configs

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Finding is one thing that is wrong with a configuration file, or doubtful.
type Finding struct {
	File    string
	Line    int    // from 1; of a missing key, the line of the section it belongs in
	Key     string // dotted path; "" where it is about the file
	Wrong   string // what is wrong
	Allowed string // what would be right; "" where Wrong says it
	Warning bool   // the file can be used all the same
	Unset   bool   // it names an environment variable that is not set: a warning in a check, an error when a daemon starts
}

// String returns "file:line: key: what is wrong (what is allowed)".
func (f Finding) String() string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s:%d: ", printable(f.File), f.Line)
	if f.Key != "" {
		fmt.Fprintf(b, "%s: ", printable(f.Key))
	}
	b.WriteString(f.Wrong)
	if f.Allowed != "" {
		fmt.Fprintf(b, " (%s)", f.Allowed)
	}
	return b.String()
}

// printable returns s, in quotes and cut short where a terminal or a log could
// take harm from it.
func printable(s string) string {
	if len(s) <= maxShown && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	return quoted(s)
}

// maxShown bounds how much of the file's text a finding repeats, in bytes.
const maxShown = 100

func quoted(s string) string {
	if len(s) > maxShown {
		return strconv.QuoteToASCII(s[:maxShown]) + "..."
	}
	return strconv.Quote(s)
}

// Findings are everything found in one file, by line.
type Findings []Finding

// Errors returns the findings that keep the file from being used, whatever the
// environment.
func (fs Findings) Errors() Findings {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool { return f.Warning })
}

// Warnings returns the others; unset environment variables are among them.
func (fs Findings) Warnings() Findings {
	return slices.DeleteFunc(slices.Clone(fs), func(f Finding) bool { return !f.Warning })
}

// ForStart returns the findings as they count when a daemon starts: a variable
// that is not set is an error then.
func (fs Findings) ForStart() Findings {
	fs = slices.Clone(fs)
	for i := range fs {
		fs[i].Warning = fs[i].Warning && !fs[i].Unset
	}
	return fs
}

// Err returns the findings as one error, a line each; nil if there are none.
func (fs Findings) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return errors.New(strings.TrimSuffix(fs.String(), "\n"))
}

// String returns a line for each finding.
func (fs Findings) String() string {
	b := new(strings.Builder)
	for _, f := range fs {
		fmt.Fprintln(b, f)
	}
	return b.String()
}
