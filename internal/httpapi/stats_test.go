package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStats(t *testing.T) {
	r := newRig(t)
	none := r.get("/api/v1/stats").object(t)
	require.InDelta(t, 0, none["total"], 0)
	require.Equal(t, map[string]any{}, none["by_status"])
	r.submit()
	r.cancelled(`{"pipeline_name": "train"}`)
	r.cancelled(`{"pipeline_name": "__default__"}`)
	for _, query := range []string{"", "?window=90m", "?window=366d", "?window="} {
		some := r.get("/api/v1/stats" + query).object(t)
		require.InDelta(t, 3, some["total"], 0)
		require.Equal(t, map[string]any{"pending": 1.0, "cancelled": 2.0}, some["by_status"])
		require.Equal(t, map[string]any{"train": 2.0, "__default__": 1.0}, some["by_pipeline"])
		require.Equal(t, map[string]any{}, some["by_reason"])
		require.Equal(t, true, some["complete"])
	}
	for _, window := range []string{"0h", "24", "367d", "99999999w", "-1h", "1y", "1.5h", "x"} {
		require.Equal(t, http.StatusUnprocessableEntity, r.get("/api/v1/stats?window="+window).status, window)
	}
}
