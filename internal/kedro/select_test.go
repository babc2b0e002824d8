package kedro

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func TestSelect(t *testing.T) {
	// a → b → d, a → c, e by itself
	p := Pipeline{Nodes: []PipelineNode{
		{Name: "a", Tags: []string{"x"}}, {Name: "b", After: []string{"a"}, Tags: []string{"x", "y"}}, {Name: "c", After: []string{"a"}},
		{Name: "d", After: []string{"b"}, Tags: []string{"y"}}, {Name: "e"},
	}}
	for _, c := range []struct {
		o    job.Options
		want []string
	}{
		{job.Options{}, []string{"a", "b", "c", "d", "e"}},
		{job.Options{FromNodes: []string{"b"}}, []string{"b", "d"}},
		{job.Options{FromNodes: []string{"c", "e"}}, []string{"c", "e"}},
		{job.Options{ToNodes: []string{"d"}}, []string{"a", "b", "d"}},
		{job.Options{FromNodes: []string{"a"}, ToNodes: []string{"b"}}, []string{"a", "b"}},
		{job.Options{Tags: []string{"x", "y"}}, []string{"a", "b", "d"}},
		{job.Options{Tags: []string{"x"}, FromNodes: []string{"b"}}, []string{"b"}},
		{job.Options{NodeNames: []string{"e", "a"}}, []string{"a", "e"}},
		{job.Options{NodeNames: []string{"e"}, Tags: []string{"x"}}, []string{}},
	} {
		require.Equal(t, c.want, p.Select(c.o), "%+v", c.o)
	}
}
