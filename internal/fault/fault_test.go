package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func TestErrorNamesFieldsAndCause(t *testing.T) {
	err := fault.New(fault.Invalid, "the submission has 2 faults",
		fault.Field{Field: "priority", Message: "must be an integer"},
		fault.Field{Field: "env", Message: "must be text"})
	require.Equal(t, "the submission has 2 faults; priority: must be an integer; env: must be text", err.Error())
	require.Equal(t, "limit: at most 500", fault.InvalidField("limit", "at most 500").Error())

	wrapped := fault.Wrap(io.ErrUnexpectedEOF, fault.Unavailable, "the store can't be written")
	require.Equal(t, "the store can't be written: unexpected EOF", wrapped.Error())
	require.ErrorIs(t, wrapped, io.ErrUnexpectedEOF)
}

func TestCodeOf(t *testing.T) {
	require.Equal(t, fault.Code(""), fault.CodeOf(nil))
	require.Equal(t, fault.Internal, fault.CodeOf(errors.New("x")))
	deep := fmt.Errorf("while submitting: %w", fault.New(fault.NotFound, "no job"))
	require.Equal(t, fault.NotFound, fault.CodeOf(deep))
	require.True(t, fault.Is(deep, fault.NotFound))
	require.False(t, fault.Is(deep, fault.Conflict))
	require.False(t, fault.Is(nil, fault.NotFound))
}
