package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// cell is one field of a table: text, and how it is painted once it has its width.
type cell struct {
	text  string
	paint func(string) string
}

func plain(s string) cell { return cell{text: clean(s)} }

// table prints aligned columns. On a terminal the last column is cut to the width
// that is left; elsewhere nothing is.
type table struct {
	head []string
	rows [][]cell
}

func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer, term terminal) {
	widths := make([]int, len(t.head))
	for i, h := range t.head {
		widths[i] = utf8.RuneCountInString(h)
	}
	for _, row := range t.rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	last := len(t.head) - 1
	if term.width > 0 {
		left := term.width
		for _, n := range widths[:last] {
			left -= n + 2
		}
		widths[last] = min(widths[last], max(left, 8))
	}
	line := func(cells []cell) {
		var b strings.Builder
		for i, c := range cells {
			text := cut(c.text, widths[i])
			gap := ""
			if i < last {
				gap = strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2)
			}
			if c.paint != nil {
				text = c.paint(text)
			}
			b.WriteString(text + gap)
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	head := make([]cell, len(t.head))
	for i, h := range t.head {
		head[i] = cell{h, term.faint}
	}
	line(head)
	for _, row := range t.rows {
		line(row)
	}
}

// facts prints names and values under each other; empty values are left out.
type facts struct{ rows [][2]string }

func (f *facts) add(name, value string) {
	if value != "" {
		f.rows = append(f.rows, [2]string{name, value})
	}
}

func (f *facts) print(w io.Writer, term terminal) {
	width := 0
	for _, r := range f.rows {
		width = max(width, len(r[0]))
	}
	for _, r := range f.rows {
		_, _ = fmt.Fprintf(w, "%s  %s\n", term.faint(fmt.Sprintf("%-*s", width, r[0])), r[1])
	}
}
