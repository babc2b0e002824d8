package kedro

import (
	"encoding/json"
	"fmt"
	"time"
)

// Code says which code a run had. Commit is "" outside of git; Dirty is nil where
// it isn't known.
type Code struct {
	Commit string
	Dirty  *bool
	Hash   string // of the project's sources (Registry.SourceHash)
}

type wireResults struct {
	Outputs       []wireOutput               `json:"outputs"`
	Returned      map[string]json.RawMessage `json:"returned"`
	Nodes         []WireNode                 `json:"nodes"`
	SaveVersion   *string                    `json:"save_version"`
	KedroVersion  *string                    `json:"kedro_version"`
	PythonVersion *string                    `json:"python_version"`
	Code          *wireCode                  `json:"code"`
	ResumeFrom    []string                   `json:"resume_from"`
}

type wireOutput struct {
	Dataset string  `json:"dataset"`
	Type    *string `json:"type"`
	Path    *string `json:"path"`
	Version *string `json:"version"`
	Node    *string `json:"node"`
	Bytes   *int64  `json:"bytes"`
}

type wireCode struct {
	Commit *string `json:"commit"`
	Dirty  *bool   `json:"dirty"`
	Hash   *string `json:"hash"`
}

// WireNode is a node as clients see it; times in the form of the contract.
type WireNode struct {
	Name        string     `json:"name"`
	Status      NodeStatus `json:"status"`
	StartedAt   *string    `json:"started_at"`
	CompletedAt *string    `json:"completed_at"`
	Seconds     *float64   `json:"seconds"`
}

// Wire gives the node in its form for clients.
func (n *Node) Wire() WireNode {
	w := WireNode{Name: n.Name, Status: n.Status, StartedAt: wireTime(n.StartedAt), CompletedAt: wireTime(n.CompletedAt)}
	if w.StartedAt != nil && w.CompletedAt != nil {
		seconds := n.Seconds()
		w.Seconds = &seconds
	}
	return w
}

// Results is the job's "results" as far as the run got; nil when nothing is known.
func (s *State) Results(code *Code) (json.RawMessage, error) {
	if !s.Hooked && !s.Started && code == nil {
		return nil, nil
	}
	w := wireResults{
		Outputs: []wireOutput{}, Returned: s.Returned, Nodes: []WireNode{}, ResumeFrom: s.ResumeFrom,
		SaveVersion: orNil(s.SaveVersion), KedroVersion: orNil(s.Kedro), PythonVersion: orNil(s.Python),
	}
	if w.Returned == nil {
		w.Returned = map[string]json.RawMessage{}
	}
	if w.ResumeFrom == nil {
		w.ResumeFrom = []string{}
	}
	for _, o := range s.Outputs {
		w.Outputs = append(w.Outputs, wireOutput{
			Dataset: o.Dataset, Type: orNil(o.Type), Path: orNil(o.Path), Version: orNil(o.Version), Node: orNil(o.Node), Bytes: o.Bytes,
		})
	}
	for i := range s.Nodes {
		w.Nodes = append(w.Nodes, s.Nodes[i].Wire())
	}
	if code != nil {
		w.Code = &wireCode{Commit: orNil(code.Commit), Dirty: code.Dirty, Hash: orNil(code.Hash)}
	}
	out, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write the results: %w", err)
	}
	return out, nil
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func wireTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000000-07:00")
	return &s
}
