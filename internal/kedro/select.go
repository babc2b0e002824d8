package kedro

import (
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
)

// Select gives the names of the nodes that a run with these options takes, in
// topological order: what Kedro's Pipeline.filter does of tags, node_names, namespaces,
// from_… and to_…, whose selections are intersected.
func (p Pipeline) Select(o job.Options) []string {
	from := p.downstream(func(n *PipelineNode) bool { return slices.Contains(o.FromNodes, n.Name) })
	to := p.upstream(func(n *PipelineNode) bool { return slices.Contains(o.ToNodes, n.Name) })
	fromInputs := p.downstream(func(n *PipelineNode) bool { return anyNamed(n.Inputs, o.FromInputs) })
	toOutputs := p.upstream(func(n *PipelineNode) bool { return anyNamed(n.Outputs, o.ToOutputs) })
	selected := []string{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if (len(o.Tags) == 0 || slices.ContainsFunc(n.Tags, func(t string) bool { return slices.Contains(o.Tags, t) })) &&
			(len(o.NodeNames) == 0 || slices.Contains(o.NodeNames, n.Name)) &&
			(len(o.FromNodes) == 0 || from[n.Name]) && (len(o.ToNodes) == 0 || to[n.Name]) &&
			(len(o.FromInputs) == 0 || fromInputs[n.Name]) && (len(o.ToOutputs) == 0 || toOutputs[n.Name]) &&
			(len(o.Namespaces) == 0 || n.within(o.Namespaces)) {
			selected = append(selected, n.Name)
		}
	}
	return selected
}

// anyNamed reports whether one of the datasets is among those asked for. A name without
// a format stands for all formats of a transcoded dataset ("x" for "x@pandas").
func anyNamed(datasets, asked []string) bool {
	return slices.ContainsFunc(datasets, func(d string) bool {
		plain, _, _ := strings.Cut(d, "@")
		return slices.Contains(asked, d) || slices.Contains(asked, plain)
	})
}

func (n *PipelineNode) within(namespaces []string) bool {
	return n.Namespace != nil && slices.ContainsFunc(namespaces, func(ns string) bool {
		return *n.Namespace == ns || strings.HasPrefix(*n.Namespace, ns+".")
	})
}

// downstream is the nodes that are meant and all that need them.
func (p Pipeline) downstream(meant func(*PipelineNode) bool) map[string]bool {
	in := map[string]bool{}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		in[n.Name] = meant(n) || slices.ContainsFunc(n.After, func(a string) bool { return in[a] })
	}
	return in
}

// upstream is the nodes that are meant and all that they need.
func (p Pipeline) upstream(meant func(*PipelineNode) bool) map[string]bool {
	in := map[string]bool{}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		n := &p.Nodes[i]
		if in[n.Name] = in[n.Name] || meant(n); in[n.Name] {
			for _, a := range n.After {
				in[a] = true
			}
		}
	}
	return in
}
