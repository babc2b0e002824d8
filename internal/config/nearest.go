package config

// Nearest gives the known name that is closest to what was written, or "" where none
// is close enough to be what was meant.
func Nearest(written string, known []string) string {
	if len(written) > 64 {
		return ""
	}
	best, limit := "", max(2, len(written)/3)+1
	for _, name := range known {
		if d := distance(written, name); d < limit {
			best, limit = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, changed or swapped.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
