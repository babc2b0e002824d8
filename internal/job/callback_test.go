package job_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func TestShownURLKeepsWhatMayBeSecret(t *testing.T) {
	for raw, want := range map[string]string{
		"https://hooks.example":               "https://hooks.example",
		"https://hooks.example/":              "https://hooks.example/",
		"https://hooks.example:8443/a/s3cret": "https://hooks.example:8443/…",
		"https://hooks.example?token=s3cret":  "https://hooks.example/…",
		"https://u:s3cret@hooks.example/":     "https://hooks.example/…",
		"https://u:s3cret@hooks.example":      "https://hooks.example/…",
		"HTTPS://hooks.example":               "https://hooks.example/…",
		"s3cret":                              "…",
		"://s3cret":                           "…",
		"http://h/%zz?s3cret":                 "…",
	} {
		require.Equal(t, want, job.ShownURL(raw), raw)
	}
}
