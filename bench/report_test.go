package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReportComparesMedians(t *testing.T) {
	r := &report{Time: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Facts: []string{"2 cores"}, Values: map[string]map[string][]float64{}, Rounds: 3}
	theirs, ours := r.record("yardstick"), r.record("kedrod")
	for _, v := range []float64{4000, 5000, 3000} {
		ours("submit_16_rate", v)
		theirs("submit_16_rate", v/10)
		ours("submit_16_p99", v/1000)
		theirs("submit_16_p99", v/100)
	}
	require.Equal(t, `
Medians of 3 rounds (least … most), 2026-11-25; the load program shares the cores.

- 2 cores

| what | kedrod | yardstick | better by |
|---|---:|---:|---:|
| submissions accepted, 16 clients | 4000 /s (3000 … 5000) | 400 /s (300 … 500) | 10.0 × |
| … p99 | 4.00 ms (3.00 … 5.00) | 40.0 ms (30.0 … 50.0) | 10.0 × |
`, r.markdown())
}

func TestReportOfOneStackHasNoRatio(t *testing.T) {
	r := &report{Values: map[string]map[string][]float64{}, Rounds: 1}
	r.record("kedrod")("through", 500)
	require.Contains(t, r.markdown(), "| no-op jobs through, submission to end, 2 slots | 500 /s (500 … 500) |\n")
}

func TestDescends(t *testing.T) {
	parents := map[int]int{1: 0, 10: 1, 11: 10, 12: 11, 20: 1}
	ours := map[int]bool{10: true}
	require.True(t, descends(10, parents, ours))
	require.True(t, descends(12, parents, ours))
	require.False(t, descends(20, parents, ours))
	require.False(t, descends(1, parents, ours))
}
