// Command licences tells the licences of everything that a wanctl binary is made of,
// and refuses those that would bind whoever passes it on to more than keeping a
// notice.
//
//	licences -binary wanctl [-copyright FILE] [-sbom FILE]
//
// The texts are those of the very versions that the binary was linked from, in the
// module cache. Which licence a text is, is told by its own words, not by its
// likeness to others: a text that is not known is an error, not a guess.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	binary := flag.String("binary", "", "the binary")
	copyright := flag.String("copyright", "", "write all notices to this file")
	sbom := flag.String("sbom", "", "put the licences into this CycloneDX file")
	flag.Parse()
	if err := run(os.Stdout, *binary, *copyright, *sbom); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, binary, copyright, sbom string) error {
	parts, err := partsOf(binary)
	if err != nil {
		return err
	}
	var bad []string
	for _, p := range parts {
		fmt.Fprintf(out, "%-28s %s %s\n", p.expression(), p.path, p.version)
		bad = append(bad, p.objections()...)
	}
	if len(bad) > 0 {
		return fmt.Errorf("not allowed:\n%s", strings.Join(bad, "\n"))
	}
	if copyright != "" {
		if err := os.WriteFile(copyright, notices(parts), 0o644); err != nil {
			return err
		}
	}
	if sbom != "" {
		return enter(sbom, parts)
	}
	return nil
}

// part is a module in the binary, or the Go standard library.
type part struct {
	path, version string
	notices       []notice
}

// notice is a file that says what others may do with a part.
type notice struct {
	file     string
	text     string
	licences []string // SPDX identifiers
}

// partsOf reads what a binary was linked from.
func partsOf(binary string) ([]part, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if info.GoVersion != runtime.Version() {
		return nil, fmt.Errorf("%s was made with %s, this is %s: its library's notice may be another", binary, info.GoVersion, runtime.Version())
	}
	var parts []part
	goroot, err := goEnv("GOROOT")
	if err != nil {
		return nil, err
	}
	cache, err := goEnv("GOMODCACHE")
	if err != nil {
		return nil, err
	}
	std, err := read("std", info.GoVersion, goroot)
	if err != nil {
		return nil, err
	}
	parts = append(parts, std)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		p, err := read(m.Path, m.Version, filepath.Join(cache, escape(m.Path)+"@"+m.Version))
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

func goEnv(name string) (string, error) {
	out, err := exec.Command("go", "env", name).Output()
	return strings.TrimSpace(string(out)), err
}

// escape writes a module's path as the cache does: a capital letter as an
// exclamation mark and a small one.
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// noticeNames begin the names of files that a licence asks to be kept.
var noticeNames = []string{"licen", "copying", "copyright", "notice", "patents", "unlicen"}

// read reads the notices that lie at the top of a part. There is at least one.
func read(path, version, dir string) (part, error) {
	p := part{path: path, version: version}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return p, fmt.Errorf("%s %s is not in the module cache (go mod download): %w", path, version, err)
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		if !e.Type().IsRegular() || strings.HasSuffix(name, ".go") || !slices.ContainsFunc(noticeNames, func(n string) bool { return strings.HasPrefix(name, n) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return p, err
		}
		p.notices = append(p.notices, notice{e.Name(), string(text), identify(string(text))})
	}
	if !slices.ContainsFunc(p.notices, func(n notice) bool { return len(n.licences) > 0 }) {
		return p, fmt.Errorf("%s %s: no licence is known in %s", path, version, dir)
	}
	return p, nil
}

// expression returns the part's licences as SPDX writes them: all of them hold.
func (p part) expression() string {
	var all []string
	for _, n := range p.notices {
		all = append(all, n.licences...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " AND ")
}

// allowed are the licences that ask for no more than that their notice is kept, which
// the package's copyright file does.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "Unlicense", publicDomain}

// objections says which of a part's licences are not allowed.
func (p part) objections() (bad []string) {
	for _, n := range p.notices {
		for _, l := range n.licences {
			if !slices.Contains(allowed, l) {
				bad = append(bad, fmt.Sprintf("%s %s: %s says %s", p.path, p.version, n.file, l))
			}
		}
	}
	return bad
}

// notices returns all texts, one after the other.
func notices(parts []part) []byte {
	var b strings.Builder
	for _, p := range parts {
		for _, n := range p.notices {
			fmt.Fprintf(&b, "\n%[1]s\n%[2]s %[3]s, %[4]s\n%[1]s\n\n%[5]s\n", strings.Repeat("-", 78), p.path, p.version, n.file, strings.TrimSpace(n.text))
		}
	}
	return []byte(b.String())
}

// enter puts the licences into the components of a CycloneDX file, and takes out of
// it what depends on the machine that it was made on.
func enter(path string, parts []part) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var bom map[string]any
	if err := json.Unmarshal(text, &bom); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if metadata, ok := bom["metadata"].(map[string]any); ok {
		tools, _ := metadata["tools"].([]any)
		for _, t := range tools {
			if t, ok := t.(map[string]any); ok {
				delete(t, "hashes") // of the tool, which is compiled anew everywhere
			}
		}
	}
	entered := 0
	components, _ := bom["components"].([]any)
	for _, c := range components {
		c, ok := c.(map[string]any)
		if !ok {
			continue
		}
		for _, p := range parts {
			if c["name"] == p.path && c["version"] == p.version {
				c["licenses"] = []any{map[string]any{"expression": p.expression()}}
				entered++
			}
		}
	}
	if entered != len(parts) || entered != len(components) {
		return fmt.Errorf("%s lists %d components, the binary has %d, and %d are the same", path, len(components), len(parts), entered)
	}
	if text, err = json.MarshalIndent(bom, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
