package httpapi_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/service"
)

// TestMetricsAskForAKey once authentication is on, unless they are public.
func TestMetricsAskForAKey(t *testing.T) {
	refuse := func(*http.Request) (service.Caller, error) {
		return service.Caller{}, fault.New(fault.Unauthenticated, "no key")
	}
	for _, public := range []bool{false, true} {
		r := newRig(t, func(o *httpapi.Options) {
			o.Authenticate, o.MetricsPublic = refuse, public
			o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "kedrod_up 1\n") })
		})
		want := http.StatusUnauthorized
		if public {
			want = http.StatusOK
		}
		require.Equal(t, want, r.get("/metrics").status)
	}
}
