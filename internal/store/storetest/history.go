package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Lister is the part of a store that History reads.
type Lister interface {
	List(ctx context.Context, f store.Filter) (store.Page, error)
}

// HistoryBegins and HistoryLasts say in which time the jobs of a store were created that
// History reads, spread evenly.
const (
	HistoryBegins = 1760000000000 // milliseconds since 1970
	HistoryLasts  = 90 * 24 * time.Hour
)

// History takes the time of pages of every filter over a long history, and prints them;
// where it is strict, it holds them to their limit. By itself it shows that every filter
// can be read.
func History(t *testing.T, s Lister, strict bool) {
	t.Helper()
	const limit = 10 * time.Millisecond
	filters := HistoryFilters()
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		filter := filters[name]
		first, deep, items := pageTimes(t, s, filter, strict)
		t.Logf("%-28s first page p50 %8s p99 %8s, deep p50 %8s p99 %8s, %d jobs on the first", name, Percentile(first, 50), Percentile(first, 99), Percentile(deep, 50), Percentile(deep, 99), items)
		if strict {
			assert.Less(t, Percentile(first, 99), limit, "first page of %s", name)
			assert.Less(t, Percentile(deep, 99), limit, "deep pages of %s", name)
		}
	}
}

// HistoryFilters are those of History, by name.
func HistoryFilters() map[string]store.Filter {
	since := time.UnixMilli(HistoryBegins).Add(HistoryLasts / 2)
	until := since.Add(24 * time.Hour)
	failed, done := []job.Status{job.Failed}, []job.Status{job.Completed}
	return map[string]store.Filter{
		"everything":                 {},
		"500 a page":                 {Limit: 500},
		"status failed":              {Statuses: failed},
		"status completed":           {Statuses: done},
		"status running (none)":      {Statuses: []job.Status{job.Running}},
		"three statuses":             {Statuses: []job.Status{job.Failed, job.Cancelled, job.Pending}},
		"pipeline, half of all":      {Pipelines: []string{"pipeline_0"}},
		"pipeline, one in 100":       {Pipelines: []string{"pipeline_5"}},
		"ten pipelines":              {Pipelines: names("pipeline_%d", 10)},
		"project, most":              {Projects: []string{"first"}},
		"project, rare":              {Projects: []string{"rare"}},
		"user":                       {UserIDs: []string{"user_7"}},
		"user, rare":                 {UserIDs: []string{"rare"}},
		"fifty users":                {UserIDs: names("user_%d", 50)},
		"submitted_by":               {SubmittedBy: []string{"key_3"}},
		"a label, one in 50":         {Labels: []string{"team:7"}},
		"a label, rare":              {Labels: []string{"team:rare"}},
		"two labels":                 {Labels: []string{"team:7", "kind:3"}},
		"a label and failed":         {Labels: []string{"team:7"}, Statuses: failed},
		"thirty labels, failed":      {Labels: names("team:%d", 30), Statuses: failed},
		"failed, of many labels":     {Labels: names("team:%d", 65), Statuses: failed},
		"created range":              {CreatedSince: &since, CreatedUntil: &until},
		"beginning of an id, few":    {IDs: []string{"0199c8f2"}},
		"beginning of an id, many":   {IDs: []string{"0199c8"}},
		"end of an id":               {IDs: []string{"3039f1"}},
		"q, found often":             {Query: "ValueError"},
		"q, found nowhere":           {Query: "nowhere to be found"},
		"user and failed":            {UserIDs: []string{"user_7"}, Statuses: failed},
		"rare user and failed":       {UserIDs: []string{"rare"}, Statuses: failed},
		"rare project and cancelled": {Projects: []string{"rare"}, Statuses: []job.Status{job.Cancelled}},
		"all fields": {
			Projects: []string{"first", "second"}, Pipelines: names("pipeline_%d", 3), Statuses: []job.Status{job.Failed, job.Completed},
			UserIDs: names("user_%d", 5), SubmittedBy: []string{"key_3", "key_8"}, CreatedSince: &since, Query: "or",
		},
		"status failed and since": {Statuses: failed, CreatedSince: &since},
	}
}

func names(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

// pageTimes takes the time of first pages, and of pages that follow from each other
// and from places spread over all of history.
func pageTimes(t *testing.T, s Lister, f store.Filter, strict bool) (first, deep []time.Duration, items int) {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 50
	}
	repeat := 5
	if strict {
		repeat = 300
	}
	page := func(f store.Filter) store.Page {
		p, err := s.List(t.Context(), f)
		require.NoError(t, err)
		return p
	}
	for range repeat {
		begun := time.Now()
		p := page(f)
		first = append(first, time.Since(begun))
		items, f.Cursor = len(p.Jobs), ""
	}
	for i := range repeat {
		created := time.UnixMilli(HistoryBegins).Add(HistoryLasts / time.Duration(repeat) * time.Duration(i))
		if f.CreatedUntil != nil {
			created = f.CreatedUntil.Add(-time.Duration(i) * time.Minute)
		}
		f.Cursor = rows.Key{Created: job.FormatTime(created)}.Cursor()
		begun := time.Now()
		p := page(f)
		deep = append(deep, time.Since(begun))
		if f.Cursor = p.Next; p.Next != "" {
			begun = time.Now()
			page(f)
			deep = append(deep, time.Since(begun))
		}
	}
	slices.Sort(first)
	slices.Sort(deep)
	return first, deep, items
}

// Percentile gives a time out of sorted ones.
func Percentile(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)-1)*percent/100].Round(10 * time.Microsecond)
}
