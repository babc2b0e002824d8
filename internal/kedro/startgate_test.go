package kedro

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartsAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate StartGate
		begin := time.Now()
		for i := range 5 {
			require.NoError(t, gate.Wait(t.Context()))
			require.Equal(t, time.Duration(i)*startSpacing, time.Since(begin))
		}
		<-time.After(time.Second)
		begin = time.Now()
		require.NoError(t, gate.Wait(t.Context()))
		require.Zero(t, time.Since(begin), "nobody is before it")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, gate.Wait(ctx), context.Canceled)
	})
}
