package config

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestOrigins(t *testing.T) {
	for _, good := range []string{"https://board.example", "http://localhost:3000", "http://[::1]:3000", "https://a.example, https://b.example"} {
		require.NoError(t, areOrigins(good), good)
	}
	for _, bad := range []string{"*", "null", "board.example", "https://board.example/", "https://board.example/x", "ftp://a", "https://", "https://u@a", "https://a?b", "https://a,*"} {
		require.Error(t, areOrigins(bad), bad)
	}
}

func TestSeveralOrigins(t *testing.T) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--cors-origin", "https://a.example", "--cors-origin=https://b.example,https://c.example", "--data-dir=/d"}))
	c, _, err := Load(flags, nil, t.TempDir())
	require.NoError(t, err)
	require.Equal(t, []string{"https://a.example", "https://b.example", "https://c.example"}, c.CORSOrigins)
}
