package client

// Results is what a job's results hold, as far as its run got: the shape to decode
// Job.Results into. Later versions may add to it.
type Results struct {
	Outputs       []Output       `json:"outputs" doc:"What was saved."`
	Returned      map[string]any `json:"returned" doc:"Free outputs that are JSON and small enough, by dataset."`
	Nodes         []Node         `json:"nodes" doc:"The nodes of the run, in topological order."`
	SaveVersion   *string        `json:"save_version" doc:"Kedro's version of the datasets that were saved."`
	KedroVersion  *string        `json:"kedro_version"`
	PythonVersion *string        `json:"python_version"`
	Code          *Code          `json:"code"`
	ResumeFrom    []string       `json:"resume_from" doc:"Nodes that a run which failed could be taken up from."`
}

// Output is a dataset that a run saved.
type Output struct {
	Dataset string  `json:"dataset"`
	Type    *string `json:"type" doc:"Class of the dataset."`
	Path    *string `json:"path"`
	Version *string `json:"version"`
	Node    *string `json:"node" doc:"Which node made it."`
	Bytes   *int64  `json:"bytes"`
}

// Code says which code a run had.
type Code struct {
	Commit *string `json:"commit" doc:"Of git; null outside of it."`
	Dirty  *bool   `json:"dirty" doc:"There were changes beside the commit."`
	Hash   *string `json:"hash" doc:"Of the project's sources."`
}

// EventData is what an event of a job carries: the first three fields always, the
// others by its type. Later versions may add to it.
type EventData struct {
	JobID   string `json:"job_id"`
	Attempt int    `json:"attempt"`
	Time    Time   `json:"time"`

	Status            *string  `json:"status,omitempty" doc:"Of status and end: the job's; of node: the node's."`
	Reason            *string  `json:"reason,omitempty" doc:"Of status and end: why it failed."`
	ErrorMessage      *string  `json:"error_message,omitempty"`
	CancelRequestedAt *Time    `json:"cancel_requested_at,omitempty"`
	NextTryAt         *Time    `json:"next_try_at,omitempty"`
	Done              *int     `json:"done,omitempty" doc:"Of progress: nodes that are done."`
	Total             *int     `json:"total,omitempty" doc:"Of progress: nodes in all."`
	Running           []string `json:"running,omitempty" doc:"Of progress: names of the nodes that run."`
	Name              *string  `json:"name,omitempty" doc:"Of node: its name."`
	StartedAt         *Time    `json:"started_at,omitempty"`
	CompletedAt       *Time    `json:"completed_at,omitempty"`
	Seconds           *float64 `json:"seconds,omitempty"`
}
