package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Text writes a line for each check, aligned.
func Text(w io.Writer, checks []Check) error {
	about, what := 0, 0
	for _, c := range checks {
		about, what = max(about, len(c.About)), max(what, len(c.What))
	}
	b := new(strings.Builder)
	for _, c := range checks {
		fmt.Fprintf(b, "%-4s  %-*s  %-*s  %s", c.Status, about, c.About, what, c.What, printable(c.Found))
		if c.Todo != "" && c.Status != OK {
			fmt.Fprintf(b, " → %s", printable(c.Todo))
		}
		b.WriteByte('\n')
	}
	switch failed, warned := Count(checks, Fail), Count(checks, Warn); {
	case failed > 0:
		fmt.Fprintf(b, "\n%d of %d checks failed, %d warn\n", failed, len(checks), warned)
	case warned > 0:
		fmt.Fprintf(b, "\nnothing failed; %d of %d checks warn\n", warned, len(checks))
	default:
		fmt.Fprintf(b, "\nall %d checks are well\n", len(checks))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable keeps a line a line: what the router or a file says is not to be trusted.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Format names the layout of JSON.
const Format = "wanctl-doctor/1"

// JSON writes the checks, and steps if there are any, as one object.
func JSON(w io.Writer, checks []Check, steps ...Step) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if checks == nil {
		checks = []Check{}
	}
	return e.Encode(struct {
		Format string  `json:"format"`
		OK     bool    `json:"ok"`
		Failed int     `json:"failed"`
		Warned int     `json:"warned"`
		Checks []Check `json:"checks"`
		Steps  []Step  `json:"steps,omitempty"`
	}{Format, Count(checks, Fail) == 0, Count(checks, Fail), Count(checks, Warn), checks, steps})
}
