package configs

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// Reference is a value that names the environment, such as "${ROUTER_PASSWORD}": it
// is written as it is, where other text is written so that it stands for itself.
type Reference string

// Fill returns the example of a daemon's configuration with values of one's own and
// with the example's comments. set holds, by dotted key, a string, Reference,
// []string, bool, int or float64; nil takes a key out, and the comment above it with
// it. A key that the example does not show is added at the end of its section under
// what its declaration says of it.
func Fill(daemon cycle.Daemon, set map[string]any) ([]byte, error) {
	name, parts := "wan1.yaml.example", newAutorate("").parts()
	if daemon == cycle.Steering {
		name, parts = "steering.yaml.example", newSteering("").parts()
	}
	text, err := Examples.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	f := &filling{lines: strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), places: map[string]place{}, added: map[int][]string{}, gone: map[int]bool{}}
	f.find(document.Content[0], "")
	known := declare(parts)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		s := known.settings[key]
		if s == nil {
			return nil, fmt.Errorf("%s: there is no key %q", name, key)
		}
		if err := f.set(s, set[key]); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	return f.text(), nil
}

// filling is an example in the making.
type filling struct {
	lines  []string // of the example, from 0
	places map[string]place
	added  map[int][]string // lines to go below a line
	gone   map[int]bool
}

// place is where a key stands, and the last line of what is below it.
type place struct{ line, column, last int }

// find notes the places of a mapping's keys; it returns the last line of it.
func (f *filling) find(n *yaml.Node, path string) (last int) {
	last = n.Line - 1
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p := place{line: key.Line - 1, column: key.Column - 1, last: value.Line - 1}
		if value.Kind == yaml.MappingNode {
			p.last = f.find(value, join(path, key.Value))
		}
		f.places[join(path, key.Value)] = p
		last = max(last, p.last)
	}
	return last
}

// set puts one value in its place.
func (f *filling) set(s *cycle.Setting, v any) error {
	p, found := f.places[s.Key]
	if v == nil {
		if found {
			f.drop(p)
		}
		return nil
	}
	value, err := written(v)
	if err != nil {
		return err
	}
	last := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
	if found {
		f.lines[p.line] = f.lines[p.line][:p.column] + last + ": " + value
		return nil
	}
	section, found := f.places[sectionOf(*s)]
	if !found {
		return fmt.Errorf("the example has no section for it")
	}
	indent := strings.Repeat(" ", section.column+2)
	at := section.last
	for _, line := range wrapped(s.Doc, 84-len(indent)) {
		f.added[at] = append(f.added[at], indent+"# "+line)
	}
	f.added[at] = append(f.added[at], indent+last+": "+value)
	return nil
}

// drop takes a key out, with the comment right above it.
func (f *filling) drop(p place) {
	f.gone[p.line] = true
	for i := p.line - 1; i >= 0 && strings.HasPrefix(strings.TrimSpace(f.lines[i]), "#"); i-- {
		f.gone[i] = true
	}
}

func (f *filling) text() []byte {
	b := new(bytes.Buffer)
	for i, line := range f.lines {
		if !f.gone[i] {
			fmt.Fprintln(b, line)
		}
		for _, more := range f.added[i] {
			fmt.Fprintln(b, more)
		}
	}
	return b.Bytes()
}

// plainText is text that every reader of YAML takes for itself, words that mean
// something apart; an IPv4 address is, too.
var (
	plainText = regexp.MustCompile(`^(?:[A-Za-z/][A-Za-z0-9._/-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3})$`)
	yamlWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)

// written returns a value as the file has it.
func written(v any) (string, error) {
	switch v := v.(type) {
	case Reference:
		return strconv.Quote(string(v)), nil
	case string:
		if plainText.MatchString(v) && !slices.Contains(yamlWords, strings.ToLower(v)) {
			return v, nil
		}
		return strconv.Quote(escape(v)), nil // Go's escapes are YAML's, too
	case []string:
		items := make([]string, len(v))
		for i := range v {
			var err error
			if items[i], err = written(v[i]); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return plainNumber(v), nil
	}
	return "", fmt.Errorf("%T cannot be written", v)
}

// wrapped breaks a text into lines of at most width bytes, where it has blanks.
func wrapped(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, "`", "")) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func sectionOf(s cycle.Setting) string {
	if i := strings.LastIndexByte(s.Key, '.'); i > 0 {
		return s.Key[:i]
	}
	return ""
}
