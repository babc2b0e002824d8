package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestLogs: followed from several places while the run writes, every byte comes once;
// then whole, in ranges, and its last lines.
func TestLogs(t *testing.T) {
	t.Parallel()
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	s := serve(t, setup{projects: []string{project(t, "witness")}})
	job := s.submit(t, "lines", params{"path": path, "gate": gate})

	type followed struct {
		text string
		end  int64
		err  error
	}
	follow := func(o client.FollowOptions) chan followed {
		done := make(chan followed, 1)
		ctx := within(t)
		go func() {
			var all followed
			for chunk, err := range s.FollowLogs(ctx, job.ID, o) {
				all.text += chunk.Text
				all.end, all.err = max(all.end, chunk.End), err
			}
			done <- all
		}()
		return done
	}
	early := follow(client.FollowOptions{}) // before there is a log
	eventually(t, "half of it is written", func() bool { return exists(path) })
	half := s.log(t, job.ID, client.LogOptions{})
	require.Contains(t, half, "line 199 ä€😀\n")
	require.NotContains(t, half, "line 200")
	late := follow(client.FollowOptions{})
	rest := follow(client.FollowOptions{From: int64(len(half))})
	cli := s.cliStart(t, "logs", "-f", job.ID)
	touch(t, gate)

	ended := s.end(t, job.ID)
	require.Equal(t, "completed", ended.Status, explain(ended))
	whole := s.log(t, job.ID, client.LogOptions{})
	require.True(t, strings.HasPrefix(whole, half), "a log only grows")
	for number := range 2200 {
		require.Equal(t, 1, strings.Count(whole, fmt.Sprintf("line %d ä€😀\n", number)), "line %d", number)
	}
	require.Equal(t, 20, strings.Count(whole, "half of a €\n"))
	require.Contains(t, whole, strings.Repeat("y", 300_000)+"\n\xff\xfe no text\nno line break")

	for name, c := range map[string]struct {
		done chan followed
		want string
	}{"early": {early, whole}, "late": {late, whole}, "the rest": {rest, whole[len(half):]}} {
		got := <-c.done
		require.NoError(t, got.err, name)
		requireSameBytes(t, asText(c.want), got.text, name)
		require.EqualValues(t, len(whole), got.end, name)
	}
	r := <-cli
	require.Zero(t, r.code, "%s", r.err)
	requireSameBytes(t, asText(whole), r.out, "what kedrod logs -f prints")
	requireSameBytes(t, whole, s.cli(t, "logs", job.ID).out, "what kedrod logs prints, the bytes as they are,")

	base := "/api/v1/jobs/" + job.ID + "/logs"
	for spec, want := range map[string]string{
		"bytes=0-99": whole[:100], "bytes=-500": whole[len(whole)-500:], "bytes=1000-": whole[1000:], "bytes=100-100": whole[100:101],
	} {
		status, got := s.call(t, http.MethodGet, base, "", "Range", spec)
		require.Equal(t, http.StatusPartialContent, status, spec)
		requireSameBytes(t, want, got, spec)
	}
	status, answer := s.call(t, http.MethodGet, base, "", "Range", "bytes="+strconv.Itoa(len(whole))+"-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, status)
	require.Contains(t, answer, "bad_range")
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	for _, n := range []int{1, 3, 100} {
		requireSameBytes(t, strings.Join(lines[len(lines)-n:], "")+"\n", s.log(t, job.ID, client.LogOptions{Tail: n}), fmt.Sprintf("the last %d lines", n))
	}
	head := s.open(t, http.MethodHead, base, "")
	defer head.Body.Close()
	require.EqualValues(t, len(whole), head.ContentLength)
	require.Equal(t, "1", head.Header.Get("Kedrod-Attempt"))
}

// TestLogsOfEachAttempt are kept apart.
func TestLogsOfEachAttempt(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	status, answer := s.call(t, http.MethodPost, "/api/v1/jobs?wait=60", `{"pipeline_name": "fail", "max_attempts": 2, "parameters": {"message": "once more"}}`)
	require.Equal(t, http.StatusCreated, status, answer)
	id := decode(t, answer).(map[string]any)["id"].(string)
	job := s.end(t, id)
	require.Equal(t, 2, job.Attempt)
	require.Equal(t, 2, job.Tries)
	first, second := s.log(t, id, client.LogOptions{Attempt: 1}), s.log(t, id, client.LogOptions{Attempt: 2})
	require.Contains(t, first, "ValueError: once more")
	require.Contains(t, second, "ValueError: once more")
	require.Equal(t, second, s.log(t, id, client.LogOptions{}), "the last is meant unless another is")
	require.NotEqual(t, first, second, "the times in them differ")
	_, err := s.Logs(within(t), id, client.LogOptions{Attempt: 3})
	require.Equal(t, http.StatusNotFound, refusal(t, err).StatusCode)
}
