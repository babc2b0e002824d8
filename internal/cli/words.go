package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/kedrod/kedrod/client"
)

// short is how an id stands in tables: a UUIDv7 begins with its time, so its end tells
// it from others.
func short(id string) string { return id[max(len(id)-shortest, 0):] }

// took writes a duration: 310 ms, 12.4 s, 3 min 42 s, 2 h 5 min, 3 d 4 h.
func took(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 59950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		s := int(math.Round(d.Seconds()))
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", s/60, s%60), " 0 s")
	case d < 24*time.Hour-30*time.Second:
		m := int(math.Round(d.Minutes()))
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", m/60, m%60), " 0 min")
	}
	h := int(math.Round(d.Hours()))
	return strings.TrimSuffix(fmt.Sprintf("%d d %d h", h/24, h%24), " 0 h")
}

func seconds(s float64) string { return took(time.Duration(s * float64(time.Second))) }

// ago writes a moment beside now, in its largest unit.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	unit := func(d time.Duration) string {
		switch {
		case d < time.Minute:
			return fmt.Sprintf("%d s", int(d.Seconds()))
		case d < time.Hour:
			return fmt.Sprintf("%d min", int(d.Minutes()))
		case d < 48*time.Hour:
			return fmt.Sprintf("%d h", int(d.Hours()))
		}
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
	switch {
	case d > -time.Second && d < time.Second:
		return "just now"
	case d < 0:
		return "in " + unit(-d)
	}
	return unit(d) + " ago"
}

// moment writes a time relative and exact.
func (a *app) moment(t *client.Time) string {
	if t == nil {
		return ""
	}
	return ago(t.Time, a.Now()) + " (" + t.In(a.Zone).Format("2006-01-02 15:04:05 MST") + ")"
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// count writes a number with its noun: 1 job, 1,200 jobs.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return commas(n) + " " + noun + "s"
}

func commas(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// printJSON writes one value, indented, its text as it is.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// quote writes a word so that a shell reads it as it is.
func quote(word string) string {
	safe := word != ""
	for _, r := range word {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,", r) {
			safe = false
		}
	}
	if safe {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func quoteAll(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}
