package kedro

import "time"

// SavedState is a State as plain data, whose JSON another binary can read: what a
// State knows and does not show is beside it.
type SavedState struct {
	State    State
	Nodes    []SavedNode // beside State.Nodes
	Datasets map[string]EventDataset
	Log      *SavedLog `json:",omitempty"`
}

// SavedNode is what a Node knows and does not show.
type SavedNode struct {
	Outputs   map[string]bool `json:",omitempty"`
	Generator bool            `json:",omitempty"`
	Returned  bool            `json:",omitempty"`
	LastSaved time.Time
	Unreached bool `json:",omitempty"`
}

// SavedLog is what the lines of a log have told.
type SavedLog struct {
	Done, Total int
	Current     string
}

// Save gives the state as data. It shares its memory with the state.
func (s *State) Save() SavedState {
	saved := SavedState{State: *s, Datasets: s.datasets}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		saved.Nodes = append(saved.Nodes, SavedNode{
			Outputs: n.outputs, Generator: n.generator, Returned: n.returned, LastSaved: n.lastSaved, Unreached: n.unreached,
		})
	}
	if s.fromLog != nil {
		saved.Log = &SavedLog{Done: s.fromLog.done, Total: s.fromLog.total, Current: s.fromLog.current}
	}
	return saved
}

// Restore gives a state that goes on where the saved one was.
func (saved SavedState) Restore() State {
	s := saved.State
	s.datasets = saved.Datasets
	if s.datasets == nil && s.Started && saved.Log == nil {
		s.datasets = map[string]EventDataset{}
	}
	if s.Nodes != nil {
		s.index = map[string]int{}
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		s.index[n.Name] = i
		n.outputs = map[string]bool{}
		if i < len(saved.Nodes) {
			beside := saved.Nodes[i]
			if beside.Outputs != nil {
				n.outputs = beside.Outputs
			}
			n.generator, n.returned, n.lastSaved, n.unreached = beside.Generator, beside.Returned, beside.LastSaved, beside.Unreached
		}
	}
	if saved.Log != nil {
		s.fromLog = &logReader{done: saved.Log.Done, total: saved.Log.Total, current: saved.Log.Current}
	}
	return s
}
