package kedro

import (
	"encoding/json"
	"math"
	"time"
)

// EventKind is a word of our hook (helper/hook/kedrod_hook.py).
type EventKind string

// The hook's events, in the order a run has them.
const (
	EventContext   EventKind = "context"    // the project's context is made; versions
	EventRunStart  EventKind = "run_start"  // nodes in topological order, datasets, save version
	EventLoading   EventKind = "loading"    // Node begins to load Dataset
	EventNodeStart EventKind = "node_start" // inputs loaded, the function begins
	EventNodeRun   EventKind = "node_run"   // the function returned; outputs are not saved yet
	EventSaved     EventKind = "saved"      // Dataset saved by Node, Bytes long
	EventReturned  EventKind = "returned"   // Value of the free output Dataset
	EventNodeDone  EventKind = "node_done"  // the runner counts Node as done
	EventNodeError EventKind = "node_error" // Node's function raised Error
	EventSkipped   EventKind = "skipped"    // Text: names of nodes whose outputs exist
	EventResume    EventKind = "resume"     // Text: nodes to resume from, as Kedro suggests
	EventRunOK     EventKind = "run_ok"     // the pipeline ended well
	EventRunError  EventKind = "run_error"  // the pipeline ended by Error
	EventLog       EventKind = "log"        // a log record: Level, Logger, Text
	EventHookError EventKind = "hook_error" // our hook failed; the run did not notice
)

// Exception is a Python exception as it was raised.
type Exception struct {
	Type      string `json:"type"`             // dotted, without "builtins."
	Message   string `json:"message"`          // as raised; may span lines
	Traceback string `json:"traceback"`        // "" where only the log told
	Module    string `json:"module,omitempty"` // of a ModuleNotFoundError: what is missing
	Node      string `json:"node,omitempty"`   // where it was raised, if in a node
}

// EventNode is a node of the pipeline that a run begins.
type EventNode struct {
	Name      string   `json:"name"`
	Outputs   []string `json:"outputs"`
	Generator bool     `json:"generator"` // saves its outputs piece by piece
}

// EventDataset is a dataset of the catalog that a run uses.
type EventDataset struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Path      string `json:"path"` // where this run saves it, version included; "" if it has none
	Protocol  string `json:"protocol"`
	Version   string `json:"version"` // the save version; "" when not versioned
	Versioned bool   `json:"versioned"`
}

// Event is one line of the hook. Which fields are set depends on Kind.
type Event struct {
	Kind        EventKind
	Time        time.Time // of the run's own clock
	PID         int
	Node        string
	Dataset     string
	Text        string
	Level       string
	Logger      string
	Bytes       *int64
	Value       json.RawMessage
	Error       *Exception
	Nodes       []EventNode
	Datasets    []EventDataset
	SaveVersion string
	Kedro       string
	Python      string
}

type wireEvent struct {
	Kind        EventKind       `json:"ev"`
	Time        float64         `json:"t"`
	PID         int             `json:"pid"`
	Node        string          `json:"node"`
	Dataset     string          `json:"dataset"`
	Text        string          `json:"text"`
	Message     string          `json:"message"`
	Level       string          `json:"level"`
	Logger      string          `json:"logger"`
	Bytes       *int64          `json:"bytes"`
	Value       json.RawMessage `json:"value"`
	Error       *Exception      `json:"error"`
	Nodes       []EventNode     `json:"nodes"`
	Datasets    []EventDataset  `json:"datasets"`
	SaveVersion string          `json:"save_version"`
	Kedro       string          `json:"kedro"`
	Python      string          `json:"python"`
}

// ParseEvent reads one line of an events file. A line that is none, which a full
// disk or the user's own code may leave, is not ok and to be passed over.
//
//kedrod:parser FuzzParseEvent
func ParseEvent(line []byte) (e Event, ok bool) {
	var w wireEvent
	if json.Unmarshal(line, &w) != nil || w.Kind == "" {
		return Event{}, false
	}
	if math.IsNaN(w.Time) || w.Time < 0 || w.Time > 1e11 {
		return Event{}, false
	}
	seconds, fraction := math.Modf(w.Time)
	return Event{
		Kind: w.Kind, Time: time.Unix(int64(seconds), int64(math.Round(fraction*1e6))*1000).UTC(), PID: w.PID,
		Node: w.Node, Dataset: w.Dataset, Text: firstOf(w.Text, w.Message), Level: w.Level, Logger: w.Logger,
		Bytes: w.Bytes, Value: w.Value, Error: w.Error, Nodes: w.Nodes, Datasets: w.Datasets,
		SaveVersion: w.SaveVersion, Kedro: w.Kedro, Python: w.Python,
	}, true
}
