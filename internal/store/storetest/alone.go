package storetest

import (
	"context"
	"errors"

	"github.com/stretchr/testify/require"
)

// alone: what is done alone is done, again and again; its error comes back.
func (s *suite) alone() {
	n, broken := 0, errors.New("broken")
	for range 3 {
		ran, err := s.Alone(s.ctx(), "sweeping", func(context.Context) error {
			n++
			_, err := s.CountJobs(s.ctx()) // the store can be used meanwhile
			return errors.Join(err, broken)
		})
		require.ErrorIs(s.t, err, broken)
		require.True(s.t, ran)
	}
	require.Equal(s.t, 3, n)
	require.Equal(s.t, s.clock.Now(), s.Now())
}
