package configs

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// maxSize bounds a configuration file, in bytes; the examples have 5,000.
const maxSize = 256 << 10

// load returns the bytes of a configuration file, at most one more than maxSize,
// and the file's mode. A pipe will not do: the file is read more than once.
func load(path string) ([]byte, fs.FileMode, error) {
	f, info, err := cycle.OpenPlain(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	return text, info.Mode(), err
}

// parse returns the mapping that the text is, or the one finding that says why
// it is none.
func parse(name string, text []byte) (*yaml.Node, *Finding) {
	fail := func(line int, format string, args ...any) (*yaml.Node, *Finding) {
		line = min(max(line, 1), 1+bytes.Count(text, []byte("\n")))
		return nil, &Finding{File: name, Line: line, Wrong: fmt.Sprintf(format, args...)}
	}
	if len(text) > maxSize {
		return fail(1, "is larger than a configuration can be (at most %d KiB)", maxSize>>10)
	}
	if i := badByte(text); i >= 0 {
		return fail(1+bytes.Count(text[:i], []byte("\n")), "is no UTF-8 text: byte %#02x (save the file as UTF-8)", text[i])
	}
	var document, next yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	err := cycle.Guard(func() error { return decoder.Decode(&document) })
	if err == io.EOF {
		return fail(1, "holds no keys (start from the example configuration)")
	}
	if err == nil {
		if err = cycle.Guard(func() error { return decoder.Decode(&next) }); err == nil {
			return fail(next.Line, "a second document begins here (one document a file)")
		}
	}
	if err != io.EOF {
		line, what := yamlError(err)
		return fail(line, "is no valid YAML: %s", what)
	}
	if root := document.Content[0]; root.Kind == yaml.MappingNode {
		return root, nil
	} else if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return fail(1, "holds no keys (start from the example configuration)")
	}
	return fail(document.Content[0].Line, "is no mapping of keys to values (start from the example configuration)")
}

// badByte returns the index of the first byte that no text file has, or -1.
func badByte(text []byte) int {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return i
	}
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// yamlError takes the line out of a parser's error; 1 where it names none.
func yamlError(err error) (line int, what string) {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return 1, printable(err.Error())
	}
	line, _ = strconv.Atoi(m[1])
	return line, printable(m[2])
}

// tree is a file's keys.
type tree struct {
	name     string
	lines    int
	keys     map[string]entry // by dotted path: those that are declared, and their sections
	findings Findings
	visits   int
}

// entry is a key with its value.
type entry struct {
	line  int
	value *yaml.Node
}

func (t *tree) report(f Finding) {
	f.File, f.Line = t.name, min(max(f.Line, 1), t.lines)
	t.findings = append(t.findings, f)
}

// knownTags are the tags a value may carry in so many words.
var knownTags = []string{"!!null", "!!bool", "!!int", "!!float", "!!str", "!!seq", "!!map", "!!timestamp", "!!merge"}

// check looks at every node of the file once, known key or not: no foreign tags,
// no key twice.
func (t *tree) check(n *yaml.Node, path string) {
	if n.Style&yaml.TaggedStyle != 0 && !slices.Contains(knownTags, n.Tag) {
		t.report(Finding{Line: n.Line, Key: path, Wrong: "carries the tag " + printable(n.Tag), Allowed: "plain values alone"})
	}
	if n.Kind != yaml.MappingNode {
		for _, item := range n.Content {
			t.check(item, path)
		}
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			t.report(Finding{Line: key.Line, Key: path, Wrong: "has a key that is no text", Allowed: "plain names as keys"})
			continue
		}
		dotted := join(path, key.Value)
		if line, twice := first[key.Value]; twice {
			t.report(Finding{Line: key.Line, Key: dotted, Wrong: fmt.Sprintf("is given twice, first on line %d", line), Allowed: "once"})
		} else {
			first[key.Value] = key.Line
		}
		t.check(value, dotted)
	}
}

// join makes a dotted path. A key that itself holds a dot is put in quotes, so
// that it is never taken for a path.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, `."`) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// maxVisits bounds the keys that are looked at with anchors and merge keys
// followed, so that a small file cannot stand for a huge one.
const maxVisits = 10_000

// gather collects the keys of a declared section. What is merged in (<<) gives way
// to what the section says itself.
func (t *tree) gather(section *yaml.Node, path string, d *declared, merged bool) {
	for i := 0; i+1 < len(section.Content); i += 2 {
		if t.visits++; t.visits > maxVisits {
			return
		}
		key, value := section.Content[i], resolveAlias(section.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			continue // reported by check
		}
		if isMerge(key) {
			continue
		}
		dotted := join(path, key.Value)
		_, known := t.keys[dotted]
		switch {
		case known && merged:
		case d.settings[dotted] != nil && !d.sections[dotted]:
			t.keys[dotted] = entry{key.Line, value}
		case d.sections[dotted]:
			t.subsection(key, value, dotted, d, merged)
		case !merged:
			t.report(Finding{Line: key.Line, Key: dotted, Wrong: "is no known key", Allowed: d.suggest(dotted, value.Kind == yaml.MappingNode), Warning: true})
		}
	}
	for i := 0; i+1 < len(section.Content); i += 2 {
		if isMerge(section.Content[i]) {
			t.merge(section.Content[i], resolveAlias(section.Content[i+1]), path, d)
		}
	}
}

// subsection takes a declared section in. One that is there but empty counts as
// absent.
func (t *tree) subsection(key, value *yaml.Node, dotted string, d *declared, merged bool) {
	if value.Kind == yaml.MappingNode {
		t.keys[dotted] = entry{key.Line, value}
		t.gather(value, dotted, d, merged)
		return
	}
	if s, err := scalarOf(value, value.Value); err == nil && s.kind == null {
		return
	}
	t.report(Finding{Line: key.Line, Key: dotted, Wrong: "is " + describe(value), Allowed: "a section: keys below it, indented"})
	t.keys[dotted] = entry{key.Line, nil}
}

func (t *tree) merge(key, value *yaml.Node, path string, d *declared) {
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	for _, source := range sources {
		if source = resolveAlias(source); source.Kind == yaml.MappingNode {
			t.gather(source, path, d, true)
			continue
		}
		t.report(Finding{Line: key.Line, Key: join(path, "<<"), Wrong: "merges " + describe(source), Allowed: "a section, or a list of sections"})
	}
}

func isMerge(key *yaml.Node) bool { return key.Value == "<<" && key.Style == 0 }

// resolveAlias returns what an alias stands for; anchors of aliases do not exist.
func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
