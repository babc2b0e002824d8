package cli

import (
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// terminal is what is known of an output: whether people look at it, how wide it is.
type terminal struct {
	tty    bool
	width  int // 0: no bound
	colour bool
}

// terminal asks what w is. NO_COLOR (any value) turns colour off, TERM=dumb also
// drawing over a line.
func (a *app) terminal(w io.Writer) terminal {
	width, ok := a.Terminal(w)
	if !ok {
		return terminal{}
	}
	able := a.environ["TERM"] != "dumb" // can redraw and paint
	return terminal{tty: able, width: width, colour: able && a.environ["NO_COLOR"] == ""}
}

// systemTerminal is a Program's usual Terminal.
func systemTerminal(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) && !isatty.IsCygwinTerminal(f.Fd()) {
		return 0, false
	}
	if width := windowWidth(f); width > 0 {
		return width, true
	}
	return 80, true
}

func (t terminal) paint(code, s string) string {
	if !t.colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t terminal) red(s string) string    { return t.paint("31", s) }
func (t terminal) yellow(s string) string { return t.paint("33", s) }
func (t terminal) faint(s string) string  { return t.paint("2", s) }
func (t terminal) bold(s string) string   { return t.paint("1", s) }

// status paints a state's word. In doubt there is no colour: the set is open.
func (t terminal) status(s string) string {
	switch s {
	case "completed", "ready", "ok":
		return t.paint("32", s)
	case "failed", "lost", "down", "error":
		return t.paint("31", s)
	case "running":
		return t.paint("34", s)
	case "warning", "degraded":
		return t.paint("33", s)
	case "pending", "cancelled", "cancelling", "draining", "stopped", "skipped":
		return t.paint("2", s)
	}
	return s
}

// clean makes text from elsewhere fit for one line of a terminal: no control
// characters, which could move the cursor or worse, and no line breaks.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return '\uFFFD'
		}
		return r
	}, s)
}

// cut shortens s to width letters; the last is then an ellipsis.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:max(width-1, 0)]) + "…"
}
