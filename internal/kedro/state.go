package kedro

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// NodeStatus is where a node stands; the words of the contract.
type NodeStatus string

// The states of a node. Skipped: it never ran, because its outputs were there or
// the run ended before.
const (
	NodePending   NodeStatus = "pending"
	NodeRunning   NodeStatus = "running"
	NodeCompleted NodeStatus = "completed"
	NodeFailed    NodeStatus = "failed"
	NodeSkipped   NodeStatus = "skipped"
	NodeCancelled NodeStatus = "cancelled"
)

// Node is one node of a run. Times are zero until they are known.
type Node struct {
	Name        string
	Status      NodeStatus
	StartedAt   time.Time // it began to load its inputs
	CompletedAt time.Time // its last output was saved, or it failed

	outputs   map[string]bool // name -> saved
	generator bool
	returned  bool // its function did
	lastSaved time.Time
	unreached bool // skipped, because the run had ended before it
}

// Seconds is how long the node took; 0 while it runs.
func (n *Node) Seconds() float64 {
	if n.StartedAt.IsZero() || n.CompletedAt.Before(n.StartedAt) {
		return 0
	}
	return n.CompletedAt.Sub(n.StartedAt).Seconds()
}

// Output is a dataset that a run saved.
type Output struct {
	Dataset string
	Type    string
	Path    string
	Version string
	Node    string
	Bytes   *int64 // nil for folders and what lies elsewhere
}

// Progress counts a run's nodes.
type Progress struct {
	Done    int      `json:"done"`
	Total   int      `json:"total"`
	Running []string `json:"running"`
}

// State is what is known of a run: its events, folded. It is not safe for use by
// several goroutines at once. The zero value is a run that has not begun.
type State struct {
	Hooked      bool // the hook has spoken
	Started     bool // the pipeline began: nodes are known
	Ended       bool // the pipeline ended well
	Nodes       []Node
	Outputs     []Output
	Returned    map[string]json.RawMessage
	Exception   *Exception
	SaveVersion string
	Kedro       string
	Python      string
	ResumeFrom  []string

	index    map[string]int
	datasets map[string]EventDataset
	fromLog  *logReader
	fresh    []string // datasets that TakeWrites has to look at
}

// Apply folds one event in and reports what changed: the node it is about, if its
// status changed. Events of nodes the run does not have are passed over.
func (s *State) Apply(e Event) (changed *Node) {
	s.Hooked = true
	switch e.Kind {
	case EventContext:
		s.Kedro, s.Python = e.Kedro, e.Python
	case EventRunStart:
		s.begin(e)
	case EventRunOK:
		s.Ended = true
		s.completeRunning(e.Time)
	case EventRunError:
		s.raised(e)
	case EventSkipped:
		for _, name := range splitNames(e.Text) {
			if n := s.node(name); n != nil && n.Status == NodePending {
				n.Status = NodeSkipped
			}
		}
	case EventResume:
		s.ResumeFrom = splitNames(e.Text)
	case EventReturned:
		if s.Returned == nil {
			s.Returned = map[string]json.RawMessage{}
		}
		s.Returned[e.Dataset] = slices.Clone(e.Value)
	default:
		return s.applyNode(e)
	}
	return nil
}

func (s *State) begin(e Event) {
	if s.Started {
		return
	}
	s.Started, s.SaveVersion = true, e.SaveVersion
	s.Nodes, s.index = nil, map[string]int{}
	for _, n := range e.Nodes {
		outputs := map[string]bool{}
		for _, name := range n.Outputs {
			outputs[name] = false
		}
		s.addNode(Node{Name: n.Name, Status: NodePending, outputs: outputs, generator: n.Generator})
	}
	s.datasets = map[string]EventDataset{}
	for _, d := range e.Datasets {
		s.datasets[d.Name] = d
	}
	for _, n := range e.Nodes {
		s.fresh = append(s.fresh, n.Outputs...)
	}
}

func (s *State) addNode(n Node) *Node {
	if s.index == nil {
		s.index = map[string]int{}
	}
	if _, ok := s.index[n.Name]; !ok {
		s.index[n.Name] = len(s.Nodes)
		s.Nodes = append(s.Nodes, n)
	}
	return &s.Nodes[s.index[n.Name]]
}

func (s *State) node(name string) *Node {
	if i, ok := s.index[name]; ok {
		return &s.Nodes[i]
	}
	return nil
}

func (s *State) applyNode(e Event) *Node {
	n := s.node(e.Node)
	if n == nil {
		return nil
	}
	before := n.Status
	switch e.Kind {
	case EventLoading, EventNodeStart:
		if n.Status == NodePending {
			n.Status, n.StartedAt = NodeRunning, e.Time
		}
	case EventNodeRun:
		n.returned, n.lastSaved = true, e.Time
		if len(n.outputs) == 0 {
			n.complete(e.Time)
		}
	case EventSaved:
		n.outputs[e.Dataset], n.lastSaved = true, e.Time
		s.saved(e)
		if n.returned && !n.generator && allTrue(n.outputs) {
			n.complete(e.Time)
		}
	case EventNodeDone:
		at := n.lastSaved
		if at.IsZero() {
			at = e.Time
		}
		n.complete(at)
	case EventNodeError:
		n.fail(e.Time)
		if e.Error != nil {
			x := *e.Error
			x.Node = e.Node
			s.Exception = &x
		}
	default: // of the run, not of a node
	}
	if n.Status == before {
		return nil
	}
	return n
}

func (n *Node) complete(at time.Time) {
	if n.Status == NodePending || n.Status == NodeRunning {
		n.Status, n.CompletedAt = NodeCompleted, at
		if n.StartedAt.IsZero() {
			n.StartedAt = at
		}
	}
}

func (n *Node) fail(at time.Time) {
	if n.Status != NodeFailed {
		n.Status, n.CompletedAt = NodeFailed, at
		if n.StartedAt.IsZero() {
			n.StartedAt = at
		}
	}
}

func (s *State) saved(e Event) {
	d, stored := s.datasets[e.Dataset]
	if !stored {
		return // lives in memory: no output of the run
	}
	out := Output{Dataset: e.Dataset, Type: d.Type, Path: d.Path, Version: d.Version, Node: e.Node, Bytes: e.Bytes}
	for i := range s.Outputs {
		if s.Outputs[i].Dataset == e.Dataset {
			s.Outputs[i] = out
			return
		}
	}
	s.Outputs = append(s.Outputs, out)
	s.fresh = append(s.fresh, e.Dataset)
}

// raised takes the pipeline's exception. A load or a save that failed reaches no
// node_error: the node that was at work is the one.
func (s *State) raised(e Event) {
	if s.Exception == nil && e.Error != nil {
		x := *e.Error
		s.Exception = &x
	}
	var running []*Node
	failed := false
	for i := range s.Nodes {
		failed = failed || s.Nodes[i].Status == NodeFailed
		if s.Nodes[i].Status == NodeRunning {
			running = append(running, &s.Nodes[i])
		}
	}
	if !failed && len(running) == 1 {
		running[0].fail(e.Time)
		if s.Exception != nil && s.Exception.Node == "" {
			s.Exception.Node = running[0].Name
		}
	}
}

func (s *State) completeRunning(at time.Time) {
	for i := range s.Nodes {
		if n := &s.Nodes[i]; n.Status == NodeRunning {
			if !n.lastSaved.IsZero() {
				at = n.lastSaved
			}
			n.complete(at)
		}
	}
}

// Ending is how a run's nodes are closed once no process of it is left.
type Ending string

// The endings of a run.
const (
	EndCompleted Ending = "completed"
	EndFailed    Ending = "failed"
	EndCancelled Ending = "cancelled"
)

// Close gives the nodes that did not end a final state: of a run that failed, the
// running ones failed; of a cancelled one they are cancelled; the others were
// skipped. It returns the nodes it changed.
func (s *State) Close(how Ending, at time.Time) []Node {
	s.finishLog()
	at = at.UTC().Truncate(time.Microsecond)
	var changed []Node
	for i := range s.Nodes {
		n := &s.Nodes[i]
		switch {
		case n.Status == NodeRunning && how == EndCompleted:
			n.complete(at)
		case n.Status == NodeRunning && how == EndFailed:
			n.fail(at)
		case n.Status == NodeRunning:
			n.Status, n.CompletedAt = NodeCancelled, at
		case n.Status == NodePending:
			n.Status, n.unreached = NodeSkipped, how != EndCompleted
		default:
			continue
		}
		changed = append(changed, *n)
	}
	return changed
}

// Progress counts as done what is completed, and what Kedro left out because nothing
// needed it. What a run that failed or was cancelled never reached does not count.
func (s *State) Progress() Progress {
	p := Progress{Total: len(s.Nodes), Running: []string{}}
	for i := range s.Nodes {
		switch s.Nodes[i].Status {
		case NodeCompleted, NodeSkipped:
			if !s.Nodes[i].unreached {
				p.Done++
			}
		case NodeRunning:
			p.Running = append(p.Running, s.Nodes[i].Name)
		default:
		}
	}
	return s.logProgress(p)
}

func allTrue(m map[string]bool) bool {
	for _, v := range m {
		if !v {
			return false
		}
	}
	return true
}

// splitNames splits a list of node names at commas outside of brackets.
//
//kedrod:parser FuzzSplitNames
func splitNames(s string) []string {
	var out []string
	open, start := 0, 0
	for i, r := range s + "," {
		switch {
		case r == '[':
			open++
		case r == ']':
			open--
		case r == ',' && (open <= 0 || i == len(s)):
			if name := strings.TrimSpace(s[start:i]); name != "" {
				out = append(out, name)
			}
			start = i + 1
		}
	}
	return out
}
