package config

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/settings.md names every setting, and its example is a file that loads.
func TestDocumentation(t *testing.T) {
	data, err := os.ReadFile("../../docs/settings.md")
	require.NoError(t, err)
	text := string(data)
	for _, s := range append(settings(), projectFlags()...) {
		require.Contains(t, text, "`--"+s.flag, "no flag %s", s.flag)
		if !strings.HasPrefix(s.key, "projects.") && s.key != "python" {
			require.Contains(t, text, "`"+s.key+"`")
		}
		if s.fallback != "" && !s.later && s.key != "concurrency" {
			require.Contains(t, text, "| `"+s.key+"` | `--"+s.flag+"` | `"+s.fallback+"` |")
		}
	}
	for _, key := range projectKeys() {
		require.Contains(t, text, "`"+key+"`")
	}
	_, example, found := strings.Cut(text, "```yaml\n")
	require.True(t, found)
	example, _, _ = strings.Cut(example, "```")
	f, err := parseFile([]byte(example), "settings.md")
	require.NoError(t, err)
	for _, s := range settings() {
		if _, given := f.values[s.key]; !given && !s.later {
			require.Contains(t, []string{"insecure_no_auth", "no_worker", "database_url"}, s.key, "the example leaves it out")
		}
	}
}
