package report

import (
	"io"
	"strings"
	"unicode/utf8"
)

// column is one column of a table.
type column struct {
	head string
	left bool // aligned to the left; numbers are to the right
	rank int  // the order in which columns give way to a narrow terminal; 0 never does
}

// table is rows of text under aligned columns.
type table struct {
	columns []column
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// gap is the space between columns, and indent what stands before a table.
const (
	gap    = "  "
	indent = "  "
)

// write lays the table out within width columns; 0 is as wide as it takes. A
// column whose cells are all empty is left out.
func (t *table) write(w io.Writer, width int) error {
	widths := make([]int, len(t.columns))
	all := utf8.RuneCountInString(indent)
	for i := range t.columns {
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(strings.TrimSpace(row[i])))
		}
		if widths[i] > 0 {
			for _, row := range t.rows {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(t.columns[i].head))
			all += widths[i] + len(gap)
		}
	}
	if width > 0 {
		t.shed(widths, all-len(gap)-width)
	}
	b := new(strings.Builder)
	head := make([]string, len(t.columns))
	for i, c := range t.columns {
		head[i] = c.head
	}
	t.line(b, head, widths)
	for _, row := range t.rows {
		t.line(b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shed drops columns, the least needed first, until the table is narrower by excess.
func (t *table) shed(widths []int, excess int) {
	for rank := 1; rank < 10 && excess > 0; rank++ {
		for i, c := range t.columns {
			if c.rank == rank && widths[i] > 0 {
				excess -= widths[i] + len(gap)
				widths[i] = 0
			}
		}
	}
}

func (t *table) line(b *strings.Builder, cells []string, widths []int) {
	line, sep := indent, ""
	for i, cell := range cells {
		if widths[i] == 0 {
			continue
		}
		pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell)))
		if t.columns[i].left {
			line += sep + cell + pad
		} else {
			line += sep + pad + cell
		}
		sep = gap
	}
	b.WriteString(strings.TrimRight(line, " "))
	b.WriteByte('\n')
}
