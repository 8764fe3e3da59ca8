package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// printing is a "print" of the console.
type printing struct {
	menu     *menu
	version  version
	grouped  bool
	flags    []string
	proplist expr
	where    condition
	silent   bool // its value is wanted, not its text
}

func (o printing) has(flag string) bool { return slices.Contains(o.flags, flag) }

// run prints, or gives the rows as a value if so asked.
func (o printing) run(c *console) (value, error) {
	var proplist []string
	if o.proplist != nil {
		v, err := o.proplist(c)
		if err != nil {
			return nil, err
		}
		proplist = strings.Split(refs(v), ",")
	}
	columns := proplist
	if proplist != nil {
		// Flags, the comment and the number stand beside whatever is asked for.
		columns = append(slices.Clone(proplist), ".id", "disabled", "invalid", "dynamic", "comment")
	}
	rows, err := c.rowsWhere(o.menu, columns, o.where)
	if err != nil && len(rows) == 0 {
		return nil, err
	}
	switch {
	case o.has("as-value"):
		if proplist != nil {
			for i, w := range rows {
				rows[i] = pick(w, append(slices.Clone(proplist), ".id"))
			}
		}
		return asValue(o.menu, rows), err
	case o.has("count-only"):
		if !o.silent {
			fmt.Fprintf(&c.out, "%d\r\n", len(rows))
		}
		return int64(len(rows)), err
	case o.menu.single:
		o.sheet(c, rows)
	case o.menu.path == "/log":
		for _, w := range rows {
			fmt.Fprintf(&c.out, " %s %s %s\r\n", w[1].value, w[2].value, w[3].value)
		}
	default:
		o.list(c, rows, proplist)
	}
	return nil, err // with some rows: it broke off in the middle
}

// sheet prints a single thing, a property to a line.
func (o printing) sheet(c *console, rows []row) {
	width := 0
	for _, w := range rows {
		for _, f := range w {
			width = max(width, len(f.name))
		}
	}
	for _, w := range rows {
		for _, f := range w {
			fmt.Fprintf(&c.out, "%*s: %s\r\n", width+2, f.name, mebibytes(f))
		}
	}
}

// mebibytes is how the console shows sizes of memory.
func mebibytes(f field) string {
	n, err := strconv.ParseInt(f.value, 10, 64)
	if err != nil || !strings.HasSuffix(f.name, "-memory") && !strings.HasSuffix(f.name, "-space") {
		return f.value
	}
	return fmt.Sprintf("%.1fMiB", float64(n)/(1<<20))
}

// list prints items: a legend of the flags, then each item with its number,
// its flags, its comment, and its properties, wrapped at the width of a
// terminal onto lines that are set in.
func (o printing) list(c *console, rows []row, proplist []string) {
	letters := o.legend(c)
	for n, w := range rows {
		flags := ""
		for _, p := range letters {
			if v, _ := w.get(p.name); v == "true" {
				flags += string(p.letter)
			}
		}
		head := fmt.Sprintf("%2d %-*s ", n, max(len(letters)-1, 1), flags)
		indent := strings.Repeat(" ", len(head))
		if comment, ok := w.get("comment"); ok && !o.has("terse") {
			fmt.Fprintf(&c.out, "%s;;; %s\r\n", head, strings.ReplaceAll(comment, "\n", "\r\n"))
			head = indent
		}
		c.out.WriteString(head)
		column := len(head)
		for _, f := range o.shown(w, proplist) {
			text := f.name + "=" + o.show(f) + " "
			if column+len(text) > lineWidth && column > len(indent) && !o.has("terse") {
				c.out.WriteString("\r\n" + indent)
				column = len(indent)
			}
			c.out.WriteString(text)
			column += len(text)
		}
		c.out.WriteString("\r\n")
		if !o.has("terse") {
			c.out.WriteString("\r\n")
		}
	}
}

// lineWidth is where the console wraps without a terminal that tells its own.
const lineWidth = 80

// legend prints what the flags' letters mean, and returns the flags. v7 sets
// those that the router makes apart with a semicolon.
func (o printing) legend(c *console) (letters []property) {
	text := "Flags:"
	for _, p := range []property{disabled, invalid, dynamic} {
		if o.menu.property(p.name) == nil {
			continue
		}
		sep := ","
		if p.letter == 'D' && o.version[0] >= 7 {
			sep = ";"
		}
		if len(letters) == 0 {
			sep = ""
		}
		text += fmt.Sprintf("%s %c - %s", sep, p.letter, p.legend)
		letters = append(letters, p)
	}
	if len(letters) > 0 && !o.has("terse") {
		c.out.WriteString(text + " \r\n")
	}
	return letters
}

// shown are the properties of an item that a print shows, in its order:
// settings first; the counters, where they are asked for, last.
func (o printing) shown(w row, proplist []string) (fields []field) {
	stats, detail := o.has("stats"), o.has("detail")
	for _, f := range w {
		p := o.menu.property(f.name)
		if p == nil || p.letter != 0 {
			continue
		}
		switch {
		case proplist != nil:
			if !slices.Contains(proplist, f.name) {
				continue
			}
		case f.name == "comment" && !o.has("terse"):
			continue
		case p.stat && !stats:
			continue
		case stats && !detail && !p.stat && !slices.Contains(statsHead, f.name):
			continue
		}
		fields = append(fields, f)
	}
	return fields
}

// statsHead are the settings that "print stats" shows before the counters.
var statsHead = []string{"name", "parent", "packet-mark", "chain", "action"}

// show writes a property's value as the console does.
func (o printing) show(f field) string {
	p := o.menu.property(f.name)
	switch {
	case p.form == rate:
		if bps, err := strconv.ParseInt(f.value, 10, 64); err == nil {
			return shortRate(bps)
		}
	case p.form == counter && o.grouped:
		return groups(f.value)
	case p.form == flag:
		if f.value == "true" {
			return "yes"
		}
		return "no"
	}
	if f.name == "name" || f.value == "" || strings.Trim(f.value, plainText) != "" {
		return quoteText(f.value)
	}
	return f.value
}

// groups sets a number's digits apart by threes.
func groups(digits string) string {
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + " " + digits[at:]
	}
	return digits
}

// plainText are the bytes that need no quotes.
const plainText = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/*,+"

// quoteText writes a text in quotes, as it could be typed in again.
func quoteText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte("\"\\$?", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < 0x20:
			fmt.Fprintf(&b, `\%02X`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
