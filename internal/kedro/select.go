package kedro

import (
	"slices"

	"github.com/kedrod/kedrod/internal/job"
)

// Select gives the names of the nodes that a run with these options takes, in
// topological order: what Kedro's Pipeline.filter does of tags, node_names, from_nodes
// and to_nodes, whose selections are intersected.
func (p Pipeline) Select(o job.Options) []string {
	from, to := p.downstream(o.FromNodes), p.upstream(o.ToNodes)
	selected := []string{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if (len(o.Tags) == 0 || slices.ContainsFunc(n.Tags, func(t string) bool { return slices.Contains(o.Tags, t) })) &&
			(len(o.NodeNames) == 0 || slices.Contains(o.NodeNames, n.Name)) &&
			(len(o.FromNodes) == 0 || from[n.Name]) && (len(o.ToNodes) == 0 || to[n.Name]) {
			selected = append(selected, n.Name)
		}
	}
	return selected
}

// downstream is the nodes and all that need them.
func (p Pipeline) downstream(names []string) map[string]bool {
	in := map[string]bool{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		in[n.Name] = slices.Contains(names, n.Name) || slices.ContainsFunc(n.After, func(a string) bool { return in[a] })
	}
	return in
}

// upstream is the nodes and all that they need.
func (p Pipeline) upstream(names []string) map[string]bool {
	in := map[string]bool{}
	for _, name := range names {
		in[name] = true
	}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if n := &p.Nodes[i]; in[n.Name] {
			for _, a := range n.After {
				in[a] = true
			}
		}
	}
	return in
}
