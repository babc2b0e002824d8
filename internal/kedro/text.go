package kedro

import (
	"slices"
	"strings"
)

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func sorted(values []string) []string {
	slices.Sort(values)
	return values
}

// cutText shortens s to at most limit bytes, at a rune's border, and shows it did.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
