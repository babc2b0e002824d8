package kedro

import (
	"regexp"
	"strings"
)

var (
	ansi      = regexp.MustCompile("\x1b(?:\\[[0-9;?]*[\\x20-\\x2f]*[\\x40-\\x7e]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\))")
	exception = regexp.MustCompile(`^((?:[A-Za-z_]\w*\.)*[A-Z_]\w*)(?:: ?(.*))?$`)
	noModule  = regexp.MustCompile(`No module named '?([\w.]+)'?`)
)

// plainLine takes ANSI sequences, carriage returns and trailing blanks out.
func plainLine(line string) string {
	if strings.IndexByte(line, 0x1b) >= 0 {
		line = ansi.ReplaceAllString(line, "")
	}
	return strings.TrimRight(line, " \r\t")
}

// exceptionFromLog finds the last exception that a log shows, in the form of Python
// ("Traceback (most recent call last):") or of rich (a box of lines). Of a chain it
// is the one that left the program.
func exceptionFromLog(log []byte) *Exception {
	lines := strings.Split(strings.ToValidUTF8(string(log), "�"), "\n")
	var found *Exception
	inside := false
	start := 0
	for i := 0; i < len(lines); i++ {
		line := plainLine(lines[i])
		switch {
		case strings.HasPrefix(line, "Traceback (most recent call last)"), strings.HasPrefix(line, "╭") && strings.Contains(line, "Traceback"):
			inside, start = true, i
		case !inside && (strings.HasPrefix(line, "│") || strings.HasPrefix(line, `  File "`)):
			inside, start = true, i // the log's end begins within a traceback
		case !inside:
		case strings.HasPrefix(line, "│"), strings.HasPrefix(line, "╭"), strings.HasPrefix(line, "╰"), strings.HasPrefix(line, " "), line == "":
		default:
			m := exception.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			message, next := restOfMessage(lines, i, m[2])
			found = &Exception{Type: m[1], Message: message, Traceback: cutText(strings.Join(plainLines(lines[start:next]), "\n"), 60000)}
			inside, i = false, next-1
		}
	}
	if found != nil && strings.HasSuffix(found.Type, "ModuleNotFoundError") {
		if m := noModule.FindStringSubmatch(found.Message); m != nil {
			found.Module = m[1]
		}
	}
	return found
}

// restOfMessage joins the lines of a message: up to a blank line, another traceback
// or 20 lines.
func restOfMessage(lines []string, i int, first string) (string, int) {
	message := []string{first}
	next := i + 1
	for ; next < len(lines) && len(message) < 20; next++ {
		line := plainLine(lines[next])
		if line == "" || strings.HasPrefix(line, "╭") || strings.HasPrefix(line, "Traceback (") {
			break
		}
		message = append(message, line)
	}
	return cutText(strings.TrimSpace(strings.Join(message, "\n")), 8000), next
}

func plainLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = plainLine(l)
	}
	return out
}
