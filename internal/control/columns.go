package control

import (
	"strings"
	"unicode/utf8"
)

// columns lays out rows of cells with aligned columns, and lines between them that
// belong to no column.
type columns struct {
	indent string // before each row of cells
	right  []bool // columns that are aligned to the right
	rows   []row
}

// row is either a line or cells.
type row struct {
	line  string
	cells []string
}

func (c *columns) line(text string)    { c.rows = append(c.rows, row{line: text}) }
func (c *columns) row(cells ...string) { c.rows = append(c.rows, row{cells: cells}) }

// String returns the rows, each with a newline and no space at its end. The last
// column is as wide as it likes.
func (c *columns) String() string {
	var widths []int
	for _, r := range c.rows {
		for i, cell := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range c.rows {
		line := r.line
		if r.cells != nil {
			line = c.layOut(r.cells, widths)
		}
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

func (c *columns) layOut(cells []string, widths []int) string {
	var b strings.Builder
	b.WriteString(c.indent)
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i < len(c.right) && c.right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return b.String()
}
