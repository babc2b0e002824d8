package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// figure is one line of the table.
type figure struct {
	key, title, unit string
	less             bool // less is better
}

func figures() []figure {
	return []figure{
		{"submit_1_rate", "submissions accepted, 1 client", "/s", false},
		{"submit_1_p50", "… p50", "ms", true},
		{"submit_1_p99", "… p99", "ms", true},
		{"submit_1_max", "… longest", "ms", true},
		{"submit_16_rate", "submissions accepted, 16 clients", "/s", false},
		{"submit_16_p50", "… p50", "ms", true},
		{"submit_16_p99", "… p99", "ms", true},
		{"submit_16_max", "… longest", "ms", true},
		{"through", "no-op jobs through, submission to end, 2 slots", "/s", false},
		{"start_p50", "submission to the run's process up, idle, p50", "ms", true},
		{"start_p99", "… p99", "ms", true},
		{"real_through", "trivial Kedro jobs through, 2 slots", "/s", false},
		{"ready", "start until it answers that it is healthy", "ms", true},
		{"memory_fresh", "memory (PSS), idle, after the start", "MB", true},
		{"memory_after", "memory (PSS), idle, after the load", "MB", true},
	}
}

// report gathers the figures of all rounds.
type report struct {
	Time   time.Time                       `json:"time"`
	Facts  []string                        `json:"facts"`
	Values map[string]map[string][]float64 `json:"values"` // stack, figure, a value for each round
	Rounds int                             `json:"rounds"`
	stacks []string
}

func newReport(ctx context.Context, o options, n *noop, work string) *report {
	r := &report{Time: time.Now().UTC(), Facts: facts(ctx, o, work), Values: map[string]map[string][]float64{}, Rounds: o.rounds}
	if floor, err := n.floor(ctx); err == nil {
		r.Facts = append(r.Facts, fmt.Sprintf("starting the no-op by itself: p50 %.2f ms, contained in every time to a process", milliseconds(floor)))
	}
	return r
}

func (r *report) record(stack string) recorder {
	if r.Values[stack] == nil {
		r.Values[stack] = map[string][]float64{}
		r.stacks = append(r.stacks, stack)
	}
	return func(key string, value float64) { r.Values[stack][key] = append(r.Values[stack][key], value) }
}

// write prints the table and puts the JSON into folder, which is there.
func (r *report) write(stdout io.Writer, folder string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(folder, r.Time.Format("20060102-150405")+".json")
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, r.markdown()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nEvery round's figures: %s\n", path)
	return err
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMedians of %d rounds (least … most), %s; the load program shares the cores.\n\n", r.Rounds, r.Time.Format("2006-01-02"))
	for _, fact := range r.Facts {
		fmt.Fprintf(&b, "- %s\n", fact)
	}
	slices.Sort(r.stacks)
	fmt.Fprintf(&b, "\n| what | %s |", strings.Join(r.stacks, " | "))
	both := len(r.stacks) == 2
	if both {
		b.WriteString(" better by |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(r.stacks)))
	if both {
		b.WriteString("---:|")
	}
	b.WriteString("\n")
	for _, f := range figures() {
		line := "| " + f.title + " |"
		var medians []float64
		for _, stack := range r.stacks {
			if values := r.Values[stack][f.key]; len(values) > 0 {
				line += " " + spread(values, f.unit) + " |"
				medians = append(medians, median(values))
			}
		}
		if len(medians) != len(r.stacks) {
			continue // not measured in this run
		}
		if both {
			ratio := medians[0] / medians[1]
			if f.less {
				ratio = 1 / ratio
			}
			line += fmt.Sprintf(" %.1f × |", ratio)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func spread(values []float64, unit string) string {
	return fmt.Sprintf("%s %s (%s … %s)", short(median(values)), unit, short(slices.Min(values)), short(slices.Max(values)))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// short has about three digits that matter.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
