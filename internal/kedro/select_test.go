package kedro

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func TestSelect(t *testing.T) {
	n, nm, other := "n", "n.m", "nn"
	// a → b → d, a → c, e by itself
	p := Pipeline{Nodes: []PipelineNode{
		{Name: "a", Tags: []string{"x"}, Outputs: []string{"of_a"}},
		{Name: "b", After: []string{"a"}, Tags: []string{"x", "y"}, Inputs: []string{"of_a"}, Outputs: []string{"of_b"}, Namespace: &n},
		{Name: "c", After: []string{"a"}, Inputs: []string{"of_a", "table@pandas"}},
		{Name: "d", After: []string{"b"}, Tags: []string{"y"}, Inputs: []string{"of_b", "table@spark"}, Namespace: &nm},
		{Name: "e", Namespace: &other},
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
		{job.Options{FromInputs: []string{"of_a"}}, []string{"b", "c", "d"}},
		{job.Options{FromInputs: []string{"table"}}, []string{"c", "d"}},
		{job.Options{FromInputs: []string{"table@pandas"}}, []string{"c"}},
		{job.Options{ToOutputs: []string{"of_b"}}, []string{"a", "b"}},
		{job.Options{ToOutputs: []string{"none"}}, []string{}},
		{job.Options{Namespaces: []string{"n"}}, []string{"b", "d"}},
		{job.Options{Namespaces: []string{"n.m"}}, []string{"d"}},
		{job.Options{Namespaces: []string{"n"}, ToOutputs: []string{"of_b"}}, []string{"b"}},
	} {
		require.Equal(t, c.want, p.Select(c.o), "%+v", c.o)
	}
}
