package cycle

import (
	"fmt"
	"io"
	"log/slog"
)

// Setting declares one key of a configuration file, in the room that uses it.
// The loader reads the file by these declarations, and the documentation of the
// keys is generated from them.
type Setting struct {
	Key string // dotted path in the file, e.g. "router.host"

	// Into points at the value: *bool, *int, *int64, *float64, *string,
	// *[]string, *time.Duration (a number in Unit, or text such as "60s"),
	// *Secret, or a *Maybe of one of them where absence matters. What it holds
	// before loading is the default. nil declares a section that must be there.
	Into any

	Unit     string // of a number in the file: "ms", "s", "Mbit/s", "packets"; "" for none
	Whole    bool   // of a number: 300, not 300.0
	Required bool
	Former   string // the key's older name, read where the key itself is absent

	// Range is what is allowed, and is both shown and checked: an interval such
	// as "(0, 1]", "[1, 65535]" or "(0, inf)" in Unit, alternatives such as "api|rest|ssh",
	// or one of the named ranges below. "" allows anything of the type.
	Range string

	Default string // how the documentation puts a default that is worked out from other keys
	Doc     string // what it means, one or two plain sentences
	Ignored bool   // accepted for the Python program's sake, decides nothing; Doc says why
}

// The named ranges of text settings.
const (
	// RouterName is text that ends up in router commands: not empty, no control
	// characters (not even a final newline), quotes, or any of $[]{};\.
	RouterName = "router name"
	// Comment is the comment of a router's rule: 1 to 128 letters, digits, blanks
	// or any of . _ : - (what the Python program allows).
	Comment = "comment"
	// Host is a host name or an IP address: letters, digits, dots, hyphens and,
	// for IPv6, colons. A numeric name that is no valid address is warned of.
	Host = "host"
	// Name is the name of a WAN or a queue: 1 to 64 letters, digits, dots, hyphens
	// or underscores; it becomes part of file names, queue types and commands.
	Name = "name"
	// Path is a file's path without control characters.
	Path = "path"
)

// Problem is what is wrong with a key once all of them are read.
type Problem struct {
	Key     string   // the key to show it at
	With    []string // the other keys it speaks of: not reported where one of them could not be read
	Wrong   string   // what is wrong
	Allowed string   // what would be right; "" if Wrong says it
	Warning bool     // the value is used all the same
}

// Configurable is a room's part of a configuration.
type Configurable interface {
	Settings() []Setting // Into points into the receiver
	Problems() []Problem // rules that span keys, once all are read; may fill in computed defaults
}

// Secret is text that never prints: not in logs, errors, reports or JSON.
type Secret string

const redacted = "(secret)"

// Reveal returns the text itself, to be handed to the router and nothing else.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer without the secret.
func (s Secret) String() string { return redacted }

// Format implements fmt.Formatter without the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer without the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler without the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
