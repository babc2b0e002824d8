// Package nearest finds, among known names, those that a mistyped one most likely
// meant.
package nearest

import (
	"slices"
	"strings"
)

// Names gives the up to n names most like name, the likest first: by their edit
// distance (a swap of neighbours counts one), the case left aside, and those that
// hold the name or begin like it before equals. Names that have little in common
// with it are left out.
func Names(name string, names []string, n int) []string {
	type scored struct {
		name  string
		score int
	}
	if len(name) > 200 {
		return nil
	}
	low := strings.ToLower(name)
	var found []scored
	for _, candidate := range names {
		if len(candidate) > 200 {
			continue
		}
		other := strings.ToLower(candidate)
		d := distance(low, other) * 2
		if low != "" && (strings.Contains(other, low) || strings.Contains(low, other)) {
			d = min(d, 3)
		}
		if d <= max(2, max(len(low), len(other))) { // at most half of it differs
			found = append(found, scored{candidate, d})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		if a.score != b.score {
			return a.score - b.score
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, f := range found[:min(n, len(found))] {
		out = append(out, f.name)
	}
	return out
}

// distance is the optimal string alignment distance of two strings, in runes.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	older := make([]int, len(y)+1)
	old := make([]int, len(y)+1)
	row := make([]int, len(y)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(y)]
}
