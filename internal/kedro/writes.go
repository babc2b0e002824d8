package kedro

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
)

// Writes gives the files that a run of the job will write, by the registry as it is, each
// path once and not more than job.MaxWrites, relative to the project's folder where they
// lie in it. unknown says what can't be told of them, as the end of a sentence; "" when
// all is known. Versioned datasets are left out: each run writes a folder of its own.
func (r Registry) Writes(project string, j *job.Job) (files []job.Write, unknown string) {
	files = []job.Write{}
	switch o := j.Options; {
	case o.Env != nil && *o.Env != "" || o.ConfSource != nil && *o.ConfSource != "":
		return files, "the paths of a run with an env or conf_source of its own are not known before it"
	case r.Datasets == nil:
		return files, "the project's catalog could not be read"
	}
	outputs, ok := r.outputs(j)
	if !ok {
		return files, "the registry does not have the pipeline"
	}
	given := len(bytes.Trim(j.Parameters, " \t\r\n{}")) > 0
	var unsure []string
	seen := map[string]bool{}
	for _, name := range outputs {
		d, ok := r.Dataset(name)
		switch {
		case !ok && r.Made == nil && r.patterns():
			unsure = append(unsure, name)
		case !ok || d.Filepath == nil || d.Versioned:
			continue
		case d.Given && given:
			unsure = append(unsure, name)
		}
		p := writePath(project, "", value(d.Filepath))
		if p == "" || d.Given && given || seen[p] {
			continue
		}
		seen[p] = true
		if len(files) == job.MaxWrites {
			return files, "it writes more files than are compared"
		}
		files = append(files, job.Write{Dataset: name, Path: p})
	}
	if len(unsure) > 0 {
		return files, "the paths of some datasets are not known before the run (" + strings.Join(unsure[:min(len(unsure), 5)], ", ") + ")"
	}
	return files, ""
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (r Registry) patterns() bool {
	for _, d := range r.Datasets {
		if d.Pattern {
			return true
		}
	}
	return false
}

// outputs names what the selected nodes give out. Of several pipelines, which Kedro adds
// up first, from_… and to_… are not looked at: they could only leave more out.
func (r Registry) outputs(j *job.Job) ([]string, bool) {
	names, o := j.Options.PipelineNames, j.Options
	if len(names) == 0 {
		names = []string{j.Pipeline}
	}
	if len(names) > 1 {
		o.FromNodes, o.ToNodes, o.FromInputs, o.ToOutputs = nil, nil, nil, nil
	}
	var outputs []string
	for _, name := range names {
		p, ok := r.Pipeline(name)
		if !ok || len(p.Nodes) == 0 { // of one that is too large its nodes are not known elsewhere
			return nil, false
		}
		selected := map[string]bool{}
		for _, n := range p.Select(o) {
			selected[n] = true
		}
		for i := range p.Nodes {
			if selected[p.Nodes[i].Name] {
				outputs = append(outputs, p.Nodes[i].Outputs...)
			}
		}
	}
	return outputs, true
}

// writePath is how a path is compared: relative to the project's folder with / where it
// lies there, else absolute, or a URL. It is "" for what is too long to be compared.
func writePath(project, protocol, name string) string {
	scheme, rest, isURL := strings.Cut(name, "://")
	if isURL {
		protocol, name = scheme, rest
	}
	if name == "" {
		return ""
	}
	switch protocol {
	case "", "file", "local":
		name = path.Clean(filepath.ToSlash(name))
		if project != "" && !path.IsAbs(name) && (name == ".." || strings.HasPrefix(name, "../")) {
			name = path.Join(filepath.ToSlash(project), name)
		}
		if below, ok := strings.CutPrefix(name, path.Clean(filepath.ToSlash(project))+"/"); ok && project != "" {
			name = below
		}
	case "s3a", "s3n":
		name = "s3://" + path.Clean(name)
	case "gcs":
		name = "gs://" + path.Clean(name)
	default:
		name = protocol + "://" + path.Clean(name)
	}
	if len(name) > job.MaxWritePath || strings.ContainsRune(name, 0) {
		return ""
	}
	return name
}

func (s *State) hasSaved(dataset string) bool {
	for i := len(s.Outputs) - 1; i >= 0; i-- { // it is among the last
		if s.Outputs[i].Dataset == dataset {
			return true
		}
	}
	return false
}

// TakeWrites gives what the run was found to write since the last call: files of its
// outputs as it begins, and as they are saved. Paths are as Registry.Writes gives them.
func (s *State) TakeWrites(project string) []job.Write {
	var writes []job.Write
	for _, name := range s.fresh {
		d, ok := s.datasets[name]
		if !ok || d.Versioned || d.Path == "" {
			continue
		}
		if p := writePath(project, d.Protocol, d.Path); p != "" {
			writes = append(writes, job.Write{Dataset: name, Path: p, Saved: s.hasSaved(name)})
		}
	}
	s.fresh = nil
	return writes
}
