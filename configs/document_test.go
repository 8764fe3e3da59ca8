package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// TestDocumentation keeps docs/configuration.md what the declarations say.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	golden.Equal(t, "../docs/configuration.md", documentation())
}

func documentation() string {
	b := new(strings.Builder)
	b.WriteString(preface)
	autorate, steering := newAutorate("").parts(), newSteering("").parts()
	fmt.Fprintf(b, "\n## wanctl autorate\n\nOne file a WAN. Start from `configs/wan1.yaml.example`.\n")
	document(b, autorate[0], nil)
	fmt.Fprintf(b, "\n## wanctl steering\n\nStart from `configs/steering.yaml.example`.\n")
	document(b, steering[0], nil)
	fmt.Fprintf(b, "\n## Both\n")
	for i, p := range autorate[1:] {
		if i == 1 { // of which steering has a key more
			p = steering[2]
		}
		document(b, p, steering[i+1])
	}
	return b.String()
}

// document writes a part's keys, a table for each section. Where the part has other
// defaults for steering, they are told too.
func document(b *strings.Builder, p, steering cycle.Configurable) {
	settings := p.Settings()
	other := map[string]string{}
	if steering != nil {
		for _, s := range steering.Settings() {
			other[s.Key] = defaultOf(s)
		}
	}
	order := map[string]int{}
	for i, s := range settings {
		if section := sectionOf(s); order[section] == 0 {
			order[section] = i + 1
		}
	}
	slices.SortStableFunc(settings, func(a, b cycle.Setting) int { return cmp.Compare(order[sectionOf(a)], order[sectionOf(b)]) })
	last := "-"
	for _, s := range settings {
		section, key := sectionOf(s), s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		if section != last {
			title := "`" + section + "`"
			if section == "" {
				title = "At the top"
			}
			fmt.Fprintf(b, "\n### %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", title)
			last = section
		}
		doc := s.Doc
		if s.Former != "" {
			doc += fmt.Sprintf(" Older name: `%s`.", s.Former[strings.LastIndexByte(s.Former, '.')+1:])
		}
		usual := defaultOf(s)
		if o := other[s.Key]; o != "" && o != usual {
			usual += ", steering " + o
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", key, cell(allowed(s)), cell(usual), cell(doc))
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func defaultOf(s cycle.Setting) string {
	switch {
	case s.Required:
		return "required"
	case s.Default != "":
		return s.Default
	case s.Ignored:
		return "-"
	}
	switch v, known := plainValue(s); v := v.(type) {
	case *bool:
		return fmt.Sprintf("`%v`", *v)
	case *int:
		return fmt.Sprintf("`%d`", *v)
	case *int64:
		return quantityOf(float64(*v), s)
	case fmt.Stringer: // a number
		var n float64
		if _, err := fmt.Sscan(v.String(), &n); err == nil && known {
			return quantityOf(n, s)
		}
	case string:
		if known {
			return "`" + v + "`"
		}
	}
	return "none"
}

func quantityOf(n float64, s cycle.Setting) string { return "`" + quantity(n, s.Unit) + "`" }

// preface is what the tables do not say.
const preface = `# Configuration

<!-- Generated from the settings' declarations: go test ./configs -update -->

The files are YAML, the same that the Python program reads. ` + "`wanctl autorate --config FILE --check`" + ` and
` + "`wanctl steering --config FILE --check`" + ` tell everything that is wrong with one at once, and what was understood, and
touch nothing else. A finding reads ` + "`file:line: key: what is wrong (what is allowed)`" + `.

**Values.** A number is given in the unit of its table; a length of time in seconds, or as text with its own unit: ` + "`20ms`, `90s`, `5min`, `12h`,\n`7d`, `2w`, `5y`" + ` (365 days). A number of bytes may be text too, such as ` + "`256 MiB` or `1 GB`" + `. Text is not a number: ` + "`\"500\"`" + ` is refused where
500 is meant, and a number where text is meant wants quotes.

**The environment.** ` + "`${NAME}`" + ` in a value is replaced by that variable; ` + "`$${NAME}`" + ` stands for the text itself. Keys are never
expanded. A variable that is not set is a warning under ` + "`--check`" + ` and an error when a daemon starts, except where nothing
needs the key (a password, when SSH logs in with a key). Secrets are never printed, logged or recorded.

**Options.** ` + "`--interval`, `--db` and `--no-record`" + ` go before the file, under ` + "`--check`" + ` too. ` + "`$WANCTL_DB`" + ` names the recording in place of
` + "`recorder.path`" + ` and leaves ` + "`recorder.enabled`" + ` as it is; ` + "`--db`" + ` records in any case.

**Strictness.** Unknown keys are a warning, with the nearest known key. A key given twice, a value of the wrong type, a number out of
range or none at all (` + "`.nan`, `.inf`" + `), a name that could leave its quotes in a router command, and thresholds or floors in the wrong order
are errors. A section that is there but empty counts as absent. A file is at most 256 KiB of UTF-8 text, one document.

**YAML 1.1.** Unquoted values read as the Python program reads them: ` + "`yes`, `on`, `off`" + ` are booleans, ` + "`0764`" + ` is octal (500), ` + "`8:20`" + ` is
sexagesimal (500) — both with a warning — and ` + "`5e2`" + ` is text, because YAML 1.1 wants ` + "`5.0e+2`" + `. Anchors and merge keys (` + "`<<`" + `) work.

**What differs from the Python program.** More is allowed: ` + "`ssh_key`" + ` is needed by SSH alone; ` + "`logging`, `lock_file` and `lock_timeout`" + `
have defaults; intervals go down to 0.02 s, and ` + "`continuous_monitoring.interval_seconds`" + ` is new, as are the ` + "`recorder`" + ` section, the api
transport and more of the ` + "`router`" + ` section. More is refused: what the Python program took and then died of, ignored or misread; see
[migrating](migrate.md).
`
