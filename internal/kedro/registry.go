package kedro

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Registry is what a project holds, as its own interpreter listed it. It is read
// only once made; share it freely.
type Registry struct {
	Pipelines  []Pipeline           `json:"pipelines"` // by name
	Datasets   map[string]Dataset   `json:"datasets"`  // of the catalog, patterns included
	Made       map[string]Dataset   `json:"made"`      // what patterns make of other names that pipelines use; nil: not known
	Parameters map[string]Parameter `json:"parameters"`
	Kedro      string               `json:"kedro_version"`
	Python     string               `json:"python_version"`
	LoadedAt   time.Time            `json:"loaded_at"`
	SourceHash string               `json:"source_hash"` // of the sources it was read from
	Error      *LoadError           `json:"error"`       // why it, or its newest form, can't be read

	Code     Code     `json:"code"`
	SitePath []string `json:"site_path"` // where the interpreter looks for packages
	Full     bool     `json:"full"`      // see NeedsFull
}

// LoadError is why a registry could not be read. Stage is "kedro", "project",
// "registry" or "configuration"; after the last the pipelines are known all the same.
type LoadError struct {
	Stage     string `json:"stage"`
	Type      string `json:"type"`
	Message   string `json:"message"` // the exception first, then what to do
	Traceback string `json:"traceback"`
}

// Pipeline is a name in the registry.
type Pipeline struct {
	Name       string         `json:"name"`
	Nodes      []PipelineNode `json:"nodes"` // in topological order
	Edges      []Edge         `json:"edges"`
	Inputs     []string       `json:"inputs"`     // free inputs, parameters left out
	Outputs    []string       `json:"outputs"`    // free outputs
	Datasets   []string       `json:"datasets"`   // all it touches, parameters left out
	Parameters []string       `json:"parameters"` // "parameters", "params:a.b"
}

// PipelineNode is a node of a pipeline.
type PipelineNode struct {
	Name      string   `json:"name"`
	Inputs    []string `json:"inputs"`
	Outputs   []string `json:"outputs"`
	Tags      []string `json:"tags"`
	Namespace *string  `json:"namespace"`
	Func      string   `json:"func"`  // dotted
	After     []string `json:"after"` // nodes whose outputs it needs
}

// Edge says that node To needs an output of node From.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Dataset is an entry of the catalog.
type Dataset struct {
	Type      *string `json:"type"`
	Filepath  *string `json:"filepath"`
	Versioned bool    `json:"versioned"`
	Pattern   bool    `json:"pattern"`         // its name is a pattern: "{name}_csv"
	Given     bool    `json:"given,omitempty"` // a run's parameters change its path; Filepath is the one without any
}

// Parameter is a top-level parameter. Default is absent where JSON can't hold it.
type Parameter struct {
	Default json.RawMessage `json:"default,omitempty"`
}

// Pipeline finds a pipeline by its name.
func (r Registry) Pipeline(name string) (Pipeline, bool) {
	i, ok := slices.BinarySearchFunc(r.Pipelines, name, func(p Pipeline, name string) int {
		switch {
		case p.Name < name:
			return -1
		case p.Name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return Pipeline{}, false
	}
	return r.Pipelines[i], true
}

// Dataset finds what the catalog has for a name, by a pattern of it as well; none for
// what lives in memory, and where it is not known.
func (r Registry) Dataset(name string) (Dataset, bool) {
	if d, ok := r.Datasets[name]; ok {
		return d, true
	}
	d, ok := r.Made[name]
	return d, ok
}

// Names lists the pipelines, sorted.
func (r Registry) Names() []string {
	out := make([]string, len(r.Pipelines))
	for i, p := range r.Pipelines {
		out[i] = p.Name
	}
	return out
}

// Version is the Kedro the registry was read with.
func (r Registry) Version() Version { return ParseVersion(r.Kedro) }

// NeedsFull reports whether a run has to load every pipeline: from Kedro 1.5 on a
// run reads only the folder named like the pipeline asked for, and a registry in
// which a name has no folder of its own (a sum of others, an alias) breaks. Unknown
// counts as yes; a registry that can't be read as no, since then loading all of it
// could break what works alone.
func (r Registry) NeedsFull() bool { return r.Full }

func needsFull(p Project, names []string, v Version) bool {
	if !v.readsOnePipelineFolder() {
		return false
	}
	for _, name := range names {
		if name == DefaultPipeline {
			continue
		}
		base := filepath.Join(p.SourceDir, filepath.FromSlash(packagePath(p.Package)), "pipelines", name)
		if info, err := os.Stat(base); err == nil && info.IsDir() {
			continue
		}
		return true
	}
	return false
}

func packagePath(name string) string {
	out := []byte(name)
	for i := range out {
		if out[i] == '.' {
			out[i] = '/'
		}
	}
	return string(out)
}

// report is the registry helper's file.
type report struct {
	Python     string                    `json:"python"`
	Executable string                    `json:"executable"`
	Path       []string                  `json:"path"`
	Kedro      string                    `json:"kedro"`
	Package    string                    `json:"package"`
	Pipelines  map[string]reportPipeline `json:"pipelines"`
	Datasets   map[string]Dataset        `json:"datasets"`
	Made       map[string]Dataset        `json:"made"`
	Parameters map[string]Parameter      `json:"parameters"`
	Stage      string                    `json:"stage"`
	Error      *reportError              `json:"error"`
}

type reportError struct {
	Exception
	First *Exception `json:"first"` // the one that began the chain
}

type reportPipeline struct {
	Nodes      []PipelineNode `json:"nodes"`
	Inputs     []string       `json:"inputs"`
	Outputs    []string       `json:"outputs"`
	Datasets   []string       `json:"datasets"`
	Parameters []string       `json:"parameters"`
}

// maxReport bounds the helper's file; ten thousand nodes make about ten megabytes.
const maxReport = 256 << 20

//kedrod:parser FuzzParseReport
func parseReport(text []byte) (report, error) {
	if len(text) > maxReport {
		return report{}, fmt.Errorf("the registry helper wrote more than %d bytes", maxReport)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		return report{}, fmt.Errorf("the registry helper's file is damaged: %w", err)
	}
	return r, nil
}

func (r report) registry(p Project, at time.Time) Registry {
	out := Registry{
		Datasets: r.Datasets, Made: r.Made, Parameters: r.Parameters, Kedro: r.Kedro, Python: r.Python,
		LoadedAt: at.UTC().Truncate(time.Microsecond), SitePath: r.Path,
	}
	for name, rp := range r.Pipelines {
		pipeline := Pipeline{Name: name, Nodes: rp.Nodes, Edges: []Edge{}, Inputs: rp.Inputs, Outputs: rp.Outputs, Datasets: rp.Datasets, Parameters: rp.Parameters}
		for _, n := range rp.Nodes {
			for _, from := range n.After {
				pipeline.Edges = append(pipeline.Edges, Edge{From: from, To: n.Name})
			}
		}
		out.Pipelines = append(out.Pipelines, pipeline)
	}
	slices.SortFunc(out.Pipelines, func(a, b Pipeline) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	out.Full = needsFull(p, out.Names(), ParseVersion(r.Kedro))
	return out
}
