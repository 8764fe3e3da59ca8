package routeros

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The console is spoken to in scripts of one line. A script prints each property
// it was asked for on a line of its own, behind a nonce, and ends with a line
// that says how it went: what an interrupted script printed is never taken for
// an answer, nor is an error's text.
//
//	wanctl-3f9a02c4d1e0 .id=*1A
//	wanctl-3f9a02c4d1e0 disabled=false
//	wanctl-3f9a02c4d1e0 done
//
// Counters alone are taken from what "print stats" shows: that they are printed
// is certain, that "get" knows them is not.
const (
	scriptDone   = " done"
	scriptFailed = " failed"
)

// counterProps are the properties that are printed rather than got.
var counterProps = []string{"bytes", "packets", "dropped", "queued-bytes", "queued-packets"}

// readScript returns the script that answers a query.
func readScript(q query) func(nonce string) (string, error) {
	return func(nonce string) (string, error) {
		where, err := q.where()
		if err != nil {
			return "", err
		}
		var body []string
		if slices.ContainsFunc(q.props, isCounter) {
			body = append(body, "/"+q.menu+" print stats detail"+where)
		}
		return framed(nonce, append(body, q.show(nonce, where))), nil
	}
}

// writeScript returns the script that makes changes, all in one menu, and shows
// what came of them.
func writeScript(changes []change) func(nonce string) (string, error) {
	return func(nonce string) (string, error) {
		var body []string
		shown := query{menu: changes[0].menu, key: changes[0].key, props: []string{".id", changes[0].key}}
		for _, c := range changes {
			where, err := query{key: c.key, values: []string{c.value}}.where()
			if err != nil {
				return "", err
			}
			set := ""
			for _, p := range c.set {
				v, err := quoted(p.value)
				if err != nil {
					return "", err
				}
				set += " " + p.name + "=" + v
				if !slices.Contains(shown.props, p.name) {
					shown.props = append(shown.props, p.name)
				}
			}
			body = append(body, "/"+c.menu+" set [find"+where+"]"+set)
			shown.values = append(shown.values, c.value)
		}
		where, err := shown.where()
		if err != nil {
			return "", err
		}
		return framed(nonce, append(body, shown.show(nonce, where))), nil
	}
}

func framed(nonce string, body []string) string {
	return fmt.Sprintf(`:do {%s; :put "%s%s"} on-error={:put "%[2]s%[4]s"}`, strings.Join(body, "; "), nonce, scriptDone, scriptFailed)
}

func isCounter(prop string) bool { return slices.Contains(counterProps, prop) }

// where returns the query as the console's condition, e.g. ` where name="a" or name="b"`.
func (q query) where() (string, error) {
	var terms []string
	for _, v := range q.values {
		word := v
		if q.key != ".id" || !itemID.MatchString(v) {
			var err error
			if word, err = quote(v); err != nil {
				return "", err
			}
		}
		terms = append(terms, q.key+"="+word)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " where " + strings.Join(terms, " or "), nil
}

// show returns the part of a script that prints the properties of items.
func (q query) show(nonce, where string) string {
	var puts []string
	if q.menu == systemResource { // no list: there is one
		for _, p := range q.props {
			puts = append(puts, fmt.Sprintf(`:put ("%s %s=" . [/%s get %s])`, nonce, p, q.menu, p))
		}
		return strings.Join(puts, "; ")
	}
	puts = append(puts, fmt.Sprintf(`:put ("%s .id=" . $i)`, nonce))
	for _, p := range q.props {
		if p != ".id" && !isCounter(p) {
			get := fmt.Sprintf("[/%s get $i %s]", q.menu, p)
			if p == "policy" { // a list: joined to a text, each of its members would be
				get = "[:tostr " + get + "]"
			}
			puts = append(puts, fmt.Sprintf(`:put ("%s %s=" . %s)`, nonce, p, get))
		}
	}
	return fmt.Sprintf(":foreach i in=[/%s find%s] do={%s}", q.menu, where, strings.Join(puts, "; "))
}

// quote returns text as a console string.
func quote(text string) (string, error) {
	b := []byte{'"'}
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c == 0x7f:
			return "", fmt.Errorf("%q cannot be sent to the console: it holds a control character", text)
		case strings.IndexByte(`"\$?`, c) >= 0:
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"')), nil
}

var (
	itemID    = regexp.MustCompile(`^\*[0-9A-Fa-f]+$`)
	plainWord = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// quoted returns text as the value of a setting: bare where it can be.
func quoted(text string) (string, error) {
	if plainWord.MatchString(text) {
		return text, nil
	}
	return quote(text)
}

// ended tells whether output holds the line that ends a script, given how many
// bytes of it are new.
func ended(text []byte, fresh int, nonce string) bool {
	tail := string(text[max(0, len(text)-fresh-len(nonce)-16):])
	return strings.Contains(tail, nonce+scriptDone) || strings.Contains(tail, nonce+scriptFailed)
}

// parseConsole reads a script's output into rows.
func parseConsole(text, nonce string) ([]row, error) {
	var rows []row
	var printed []string // lines that are not the script's own
	name := ""           // of the property that a line without the nonce goes on with
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		own, ok := strings.CutPrefix(line, nonce)
		switch {
		case !ok && name == "":
			printed = append(printed, line)
		case !ok: // its value holds line breaks
			rows[len(rows)-1][name] += "\n" + line
		case own == scriptDone:
			return withCounters(rows, strings.Join(printed, "\n"))
		case own == scriptFailed:
			return nil, errors.New("the router could not do it")
		default:
			key, value, ok := strings.Cut(strings.TrimPrefix(own, " "), "=")
			if !ok {
				return nil, errors.New("malformed line in the script's output")
			}
			if len(rows) == 0 || key == ".id" {
				rows = append(rows, row{})
			}
			name = key
			rows[len(rows)-1][name] = value
		}
	}
	return nil, errors.New("the router did not run the script to its end")
}

// withCounters adds to the rows what was printed of the items of their names.
func withCounters(rows []row, printed string) ([]row, error) {
	items := map[string]row{}
	for _, item := range parsePrint(printed) {
		name := item["name"]
		if items[name] != nil {
			return nil, fmt.Errorf("queue %q was printed twice", name)
		}
		items[name] = item
	}
	for _, r := range rows {
		for _, p := range counterProps {
			if v, ok := items[r["name"]][p]; ok {
				r[p] = v
			}
		}
	}
	return rows, nil
}

// itemStart matches the first line of an item: its number, its flags, and then a
// comment or the first of its properties.
var itemStart = regexp.MustCompile(`^\s*[0-9]+\s*([A-Z]*)\s*(;;;.*|[a-z][a-z0-9.-]*=.*)$`)

// parsePrint reads what a console's "print" or "print detail" shows, of v6 or v7,
// into rows. The flags give "disabled".
func parsePrint(text string) (rows []row) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if m := itemStart.FindStringSubmatch(line); m != nil {
			rows = append(rows, row{"disabled": fmt.Sprint(strings.Contains(m[1], "X"))})
			line = m[2]
		} else if len(rows) == 0 || line == strings.TrimLeft(line, " \t") {
			continue // a legend, a heading, or something else that is no item's
		}
		r := rows[len(rows)-1]
		line = strings.TrimLeft(line, " \t")
		if comment, ok := strings.CutPrefix(line, ";;;"); ok {
			r["comment"] = strings.TrimLeft(comment, " ")
			continue
		}
		r.scan(line)
	}
	return rows
}

// scan reads a line of properties: key=value, the value bare or in quotes. The
// groups of a number such as 1 234 567 are put together.
func (r row) scan(line string) {
	for line != "" {
		word, rest, _ := strings.Cut(line, " ")
		key, value, ok := strings.Cut(word, "=")
		if !ok { // no property
			line = strings.TrimLeft(rest, " ")
			continue
		}
		if strings.HasPrefix(value, `"`) {
			value, rest = unquote(line[len(key)+1:])
		} else {
			value, rest = groups(value, rest)
		}
		r[key] = value
		line = strings.TrimLeft(rest, " ")
	}
}

// groups takes the three-digit words that go on with a number.
func groups(value, rest string) (string, string) {
	if len(value) > 3 || !digits(value) {
		return value, rest
	}
	for {
		group, after, _ := strings.Cut(rest, " ")
		if len(group) != 3 || !digits(group) {
			return value, rest
		}
		value, rest = value+group, after
	}
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// unquote reads a string in quotes from the beginning of text.
func unquote(text string) (value, rest string) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:]
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
