package storetest

import (
	"bytes"
	"encoding/json"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// largePages: a page is bounded by what it holds, too, and the next one goes on.
func (s *suite) largePages() {
	large := json.RawMessage(`{"x":"` + string(bytes.Repeat([]byte("x"), store.PageBytes/3)) + `"}`)
	var all []string
	for range 5 {
		all = append([]string{s.submit(func(j *job.Job) { j.Parameters = large }).ID}, all...)
	}
	var got []string
	cursor := ""
	for pages := 0; ; pages++ {
		p, err := s.List(s.ctx(), store.Filter{Limit: 50, Parameters: true, Cursor: cursor})
		require.NoError(s.t, err)
		size := 0
		for i := range p.Jobs {
			got = append(got, p.Jobs[i].ID)
			size += len(p.Jobs[i].Parameters)
		}
		require.Less(s.t, size, store.PageBytes+len(large)+1)
		if cursor = p.Next; cursor == "" {
			require.Equal(s.t, 1, pages, "three, then two")
			break
		}
	}
	require.Equal(s.t, all, got)
	p, err := s.List(s.ctx(), store.Filter{Limit: 50})
	require.NoError(s.t, err)
	require.Len(s.t, p.Jobs, 5, "what is not asked for does not count")
}
