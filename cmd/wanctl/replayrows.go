package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// errNotObject says that a line is no JSON object.
var errNotObject = errors.New("not a whole JSON object")

// members calls each for the keys of a JSON object, with the bytes of their
// values, until that returns false. It finds where values end and leaves what is
// in them to who reads them; a million lines are read in a second or two.
func members(object []byte, each func(key, value []byte) bool) error {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return errNotObject
	}
	at := blank(object, 1)
	for object[at] != '}' {
		end, ok := valueEnd(object, at)
		if !ok || object[at] != '"' {
			return errNotObject
		}
		key := object[at+1 : end-1]
		if at = blank(object, end); at >= len(object) || object[at] != ':' {
			return errNotObject
		}
		at = blank(object, at+1)
		if end, ok = valueEnd(object, at); !ok {
			return errNotObject
		}
		if !each(key, object[at:end]) {
			return nil
		}
		at = blank(object, end)
		switch {
		case at >= len(object):
			return errNotObject
		case object[at] == ',':
			if at = blank(object, at+1); object[at] == '}' {
				return errNotObject
			}
		case object[at] != '}':
			return errNotObject
		}
	}
	if at != len(object)-1 {
		return errNotObject
	}
	return nil
}

// blank returns where the white space at a place ends. Objects end in a brace,
// so within one there always is something after it.
func blank(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

// valueEnd returns where the JSON value that begins at a place ends.
func valueEnd(b []byte, at int) (end int, ok bool) {
	depth := 0
	for i := at; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if i >= len(b) {
				return 0, false
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return i, i > at
			}
			depth--
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return i, i > at
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1, true
		}
	}
	return 0, false
}

// rows writes replayed cycles in one of the formats.
type rows struct {
	out     io.Writer
	format  string
	columns []string // of CSV and the table; the first ones are the caller's
	buf     []byte
	cells   [][]byte
	table   table
	headed  bool
}

func newRows(out io.Writer, format string, columns []string) *rows {
	return &rows{out: out, format: format, columns: columns, cells: make([][]byte, len(columns))}
}

// put writes one cycle, a JSON object whose keys come in the order of the
// columns. lead is shown before it where rows are numbered: CSV and the table.
func (r *rows) put(object []byte, lead int64) error {
	if r.format == "jsonl" {
		r.buf = append(append(r.buf, object...), '\n')
		return r.spill()
	}
	for i := range r.cells {
		r.cells[i] = r.cells[i][:0]
	}
	if r.columns[0] == "i" {
		r.cells[0] = strconv.AppendInt(r.cells[0], lead, 10)
	}
	next := 0
	err := members(object, func(key, value []byte) bool {
		for i := next; i < len(r.columns); i++ {
			if r.columns[i] == string(key) {
				r.cells[i], next = appendCell(r.cells[i], value), i+1
				break
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	if r.format == "table" {
		r.buf = r.table.append(r.buf, r.columns, r.cells)
	} else {
		r.csv()
	}
	return r.spill()
}

// csv appends the cells: numbers, zones and names, none of which needs quotes.
func (r *rows) csv() {
	if !r.headed {
		r.headed = true
		for i, c := range r.columns {
			r.buf = append(append(r.buf, separator(i)...), c...)
		}
		r.buf = append(r.buf, "\r\n"...)
	}
	for i, c := range r.cells {
		r.buf = append(append(r.buf, separator(i)...), c...)
	}
	r.buf = append(r.buf, "\r\n"...)
}

func separator(column int) string {
	if column == 0 {
		return ""
	}
	return ","
}

// appendCell appends a JSON value as a cell: null is empty, text without its
// quotes, a list as its values with blanks between.
func appendCell(b, value []byte) []byte {
	if string(value) == "null" {
		return b
	}
	for _, c := range value {
		switch c {
		case '[', ']', '"':
		case ',':
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return b
}

// spill writes what has gathered, once it is worth a call.
func (r *rows) spill() error {
	if len(r.buf) < 1<<16 {
		return nil
	}
	_, err := r.out.Write(r.buf)
	r.buf = r.buf[:0]
	return err
}

// flush writes the rest.
func (r *rows) flush() error {
	if r.format == "table" {
		r.buf = r.table.settle(r.buf)
	}
	_, err := r.out.Write(r.buf)
	r.buf = r.buf[:0]
	return err
}

// tableRows is how many rows settle the widths of a table's columns. What comes
// after and is wider stands out, which beats holding a million rows.
const tableRows = 500

// table lays rows out in aligned columns.
type table struct {
	held   [][][]byte // until the widths are settled
	widths []int      // nil before
}

// append appends a row, or holds it back.
func (t *table) append(b []byte, columns []string, cells [][]byte) []byte {
	for i, c := range cells {
		cells[i] = rounded(c)
	}
	if t.widths != nil {
		return t.line(b, cells)
	}
	if len(t.held) == 0 {
		t.held = append(t.held, copied(columns))
	}
	t.held = append(t.held, copied(cells))
	if len(t.held) > tableRows {
		return t.settle(b)
	}
	return b
}

func copied[T string | []byte](cells []T) (c [][]byte) {
	for _, s := range cells {
		c = append(c, append([]byte(nil), s...))
	}
	return c
}

// settle fixes the widths and appends the rows that were held back.
func (t *table) settle(b []byte) []byte {
	if t.widths != nil || len(t.held) == 0 {
		return b
	}
	t.widths = make([]int, len(t.held[0]))
	for _, row := range t.held {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCount(c))
		}
	}
	for _, row := range t.held {
		b = t.line(b, row)
	}
	t.held = nil
	return b
}

// line appends one row, its cells to the right of their columns.
func (t *table) line(b []byte, cells [][]byte) []byte {
	for i, c := range cells {
		pad := max(0, t.widths[i]-utf8.RuneCount(c))
		if i > 0 {
			pad += 2
		}
		b = append(slices.Grow(b, pad+len(c)), bytes.Repeat([]byte(" "), pad)...)
		b = append(b, c...)
	}
	return append(b, '\n')
}

// rounded shortens a number with a fraction to three decimals, which is what
// fits a screen; - stands for nothing.
func rounded(cell []byte) []byte {
	if len(cell) == 0 {
		return append(cell, '-')
	}
	if !bytes.ContainsAny(cell, ".e") {
		return cell
	}
	v, err := strconv.ParseFloat(string(cell), 64)
	if err != nil {
		return cell
	}
	return strconv.AppendFloat(cell[:0], v, 'f', 3, 64)
}
