package cycle

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ShortestHidden is the length from which on a secret is looked for in foreign texts,
// in bytes. A shorter one is in half of all words.
const ShortestHidden = 4

// Ordinary tells whether a secret could be one of our own words, or a name in a
// configuration: short, or not long and of letters or of digits and signs alone. In
// what we say ourselves such a secret is left as it is. That proves nothing; "invalid
// user name or (secret)" would tell it.
func (s Secret) Ordinary() bool {
	foreign := func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("_./: ", r) }
	mixed := strings.ContainsFunc(string(s), foreign) && strings.ContainsFunc(string(s), unicode.IsLetter)
	return len(s) < 8 || len(s) < 16 && !mixed
}

// Concealer takes secrets out of texts that others wrote: errors of libraries, a
// router's words, another program's command line.
type Concealer struct{ forms []string }

// Add has a secret looked for, also as it looks in quotes, in JSON and in an address.
func (c *Concealer) Add(s Secret) {
	if len(s) < ShortestHidden {
		return
	}
	text := string(s)
	quoted := strconv.Quote(text)
	for _, form := range []string{text, quoted[1 : len(quoted)-1], inJSON(text), url.QueryEscape(text), url.PathEscape(text)} {
		if !slices.Contains(c.forms, form) {
			c.forms = append(c.forms, form)
		}
	}
}

// inJSON is a text as it stands between the quotes of JSON.
func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string always goes
	return string(quoted[1 : len(quoted)-1])
}

// Hide returns the text with (secret) in place of each word that a secret is in: the
// rest of it would tell what is missing. Stretches of the text that are known, each
// from one index to another, are left as they are.
func (c Concealer) Hide(text string, known ...[]int) string {
	var hidden [][]int
	for _, form := range c.forms {
		for at := 0; ; {
			i := strings.Index(text[at:], form)
			if i < 0 {
				break
			}
			word := wordAround(text, at+i, at+i+len(form))
			if !slices.ContainsFunc(known, func(k []int) bool { return k[0] <= word[0] && word[1] <= k[1] }) {
				hidden = append(hidden, word)
			}
			at += i + len(form)
		}
	}
	if len(hidden) == 0 {
		return text
	}
	slices.SortFunc(hidden, func(a, b []int) int { return a[0] - b[0] })
	b, at := new(strings.Builder), 0
	for _, h := range hidden {
		if h[0] >= at {
			b.WriteString(text[at:h[0]] + redacted)
		}
		at = max(at, h[1])
	}
	b.WriteString(text[at:])
	return b.String()
}

// wordAround widens a stretch of a text to the letters and digits around it.
func wordAround(text string, from, to int) []int {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	left, right := strings.TrimRightFunc(text[:from], inWord), strings.TrimLeftFunc(text[to:], inWord)
	return []int{len(left), len(text) - len(right)}
}
