package client

import (
	"encoding/json"
	"errors"
	"time"
)

// Time is a moment as the service writes it: UTC, always six digits of a second.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000000+00:00"

// MarshalJSON writes the wire form, which has four digits for the year.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return nil, errors.New("the year in UTC must be from 0000 to 9999")
	}
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads any RFC 3339 time.
//
//kedrod:parser FuzzTime
func (t *Time) UnmarshalJSON(b []byte) error { return t.Time.UnmarshalJSON(b) }

// Options are the run options of Kedro, under the names of Kedro's own server.
type Options struct {
	Tags               []string          `json:"tags,omitempty" doc:"Run only nodes with any of these tags."`
	NodeNames          []string          `json:"node_names,omitempty" doc:"Run only these nodes."`
	FromNodes          []string          `json:"from_nodes,omitempty" doc:"Run from these nodes on."`
	ToNodes            []string          `json:"to_nodes,omitempty" doc:"Run up to these nodes."`
	FromInputs         []string          `json:"from_inputs,omitempty" doc:"Run from the nodes that take these datasets."`
	ToOutputs          []string          `json:"to_outputs,omitempty" doc:"Run up to the nodes that make these datasets."`
	Namespaces         []string          `json:"namespaces,omitempty" doc:"Run only the nodes of these namespaces."`
	PipelineNames      []string          `json:"pipeline_names,omitempty" doc:"Several pipelines as one run, in place of pipeline_name (Kedro 1.2 and later)."`
	LoadVersions       map[string]string `json:"load_versions,omitempty" doc:"Versions to load, by dataset."`
	Env                *string           `json:"env,omitempty" doc:"Kedro's configuration environment."`
	ConfSource         *string           `json:"conf_source,omitempty" doc:"Folder or archive with the configuration, one of the project's allowlist."`
	Runner             *string           `json:"runner,omitempty" doc:"Kedro runner, one of the project's allowlist."`
	RunnerParams       json.RawMessage   `json:"runner_params,omitempty" doc:"Arguments of the runner (object)."`
	IsAsync            *bool             `json:"is_async,omitempty" doc:"Load and save datasets in threads."`
	OnlyMissingOutputs *bool             `json:"only_missing_outputs,omitempty" doc:"Run only nodes whose outputs are missing (Kedro 1.0 and later)."`
}

// Submission asks for one run of a pipeline. Only PipelineName is needed, and
// Project where several are served. Zero values mean "not given".
type Submission struct {
	PipelineName string          `json:"pipeline_name,omitempty" doc:"The pipeline's name in the project's registry; __default__ is Kedro's own default."`
	Parameters   json.RawMessage `json:"parameters,omitempty" doc:"Kedro parameters (object), merged over the project's; they reach the nodes exactly as sent."`
	UserID       *string         `json:"user_id,omitempty" doc:"Free text of the client's own."`
	Project      string          `json:"project,omitempty" doc:"Which project; needed where several are served."`
	Options

	Priority         int               `json:"priority,omitempty" doc:"Higher first; each step is a head start of ten minutes."`
	RunAt            *Time             `json:"run_at,omitempty" doc:"Not before this moment."`
	DelaySeconds     *float64          `json:"delay_seconds,omitempty" doc:"Not before this many seconds from now; in place of run_at."`
	ExpiresAt        *Time             `json:"expires_at,omitempty" doc:"Fails as expired if it has not started by then."`
	TimeoutSeconds   *float64          `json:"timeout_seconds,omitempty" doc:"Time limit of an attempt, from the run's start; 1800 unless the project says otherwise."`
	MaxAttempts      *int              `json:"max_attempts,omitempty" doc:"Tries; 1 unless given."`
	RetryOn          []string          `json:"retry_on,omitempty" doc:"Reasons that are worth another try; all of the run's own fault unless given."`
	MaxRecoveries    *int              `json:"max_recoveries,omitempty" doc:"Runs after a lost worker; 3 unless given, 0: never again."`
	ConcurrencyKey   *string           `json:"concurrency_key,omitempty" doc:"Jobs of one key share its limit."`
	ConcurrencyLimit *int              `json:"concurrency_limit,omitempty" doc:"How many jobs of the key run at once; 1 unless given."`
	Requires         map[string]string `json:"requires,omitempty" doc:"Labels that a worker must have."`
	Labels           map[string]string `json:"labels,omitempty" doc:"The client's own words on the job, to filter by."`
	CallbackURL      *string           `json:"callback_url,omitempty" doc:"Is sent the job at its end."`
}

// Progress counts the nodes of the last attempt.
type Progress struct {
	Done    int      `json:"done" doc:"Nodes that are done."`
	Total   int      `json:"total" doc:"Nodes in all."`
	Running []string `json:"running" doc:"Names of the nodes that run."`
}

// Job is a job as the service answers it. Status and Reason are open sets: expect
// words that are not known yet. Pointers are null where there is nothing to say.
type Job struct {
	ID           string          `json:"id" doc:"UUIDv7; a task's own id where it came by Celery."`
	PipelineName string          `json:"pipeline_name"`
	Project      string          `json:"project"`
	UserID       *string         `json:"user_id"`
	SubmittedBy  *string         `json:"submitted_by" doc:"Who really called; null without authentication."`
	Status       string          `json:"status" doc:"pending, running, completed, failed, cancelled; new ones may come."`
	Reason       *string         `json:"reason" doc:"Why it failed, a typed word; new ones may come."`
	ErrorMessage *string         `json:"error_message"`
	Parameters   json.RawMessage `json:"parameters,omitempty" doc:"As sent; in lists only with include=parameters."`
	Results      json.RawMessage `json:"results,omitempty" doc:"As far as the run got; in lists only with include=results."`
	Progress     *Progress       `json:"progress"`

	Attempt           int      `json:"attempt" doc:"Claims so far."`
	Tries             int      `json:"tries" doc:"Attempts that ended by the run's own fault."`
	CreatedAt         Time     `json:"created_at"`
	NextTryAt         *Time    `json:"next_try_at"`
	StartedAt         *Time    `json:"started_at" doc:"Start of the last attempt."`
	CompletedAt       *Time    `json:"completed_at"`
	ExecutionTime     *float64 `json:"execution_time" doc:"Seconds of the last attempt."`
	CancelRequestedAt *Time    `json:"cancel_requested_at"`
	Worker            *string  `json:"worker" doc:"Id of the worker that has, or last had, the job."`
	Start             *string  `json:"start" doc:"cold or warm."`
	RetryOf           *string  `json:"retry_of"`
	ScheduleID        *string  `json:"schedule_id"`
	WaitingFor        *string  `json:"waiting_for" doc:"Why a pending job does not run, a sentence."`
	Warnings          []string `json:"warnings"`
	WebURL            string   `json:"web_url" doc:"The job's page."`

	Tags               []string          `json:"tags"`
	NodeNames          []string          `json:"node_names"`
	FromNodes          []string          `json:"from_nodes"`
	ToNodes            []string          `json:"to_nodes"`
	FromInputs         []string          `json:"from_inputs"`
	ToOutputs          []string          `json:"to_outputs"`
	Namespaces         []string          `json:"namespaces"`
	PipelineNames      []string          `json:"pipeline_names"`
	LoadVersions       map[string]string `json:"load_versions"`
	Env                *string           `json:"env"`
	ConfSource         *string           `json:"conf_source"`
	Runner             *string           `json:"runner"`
	RunnerParams       json.RawMessage   `json:"runner_params"`
	IsAsync            *bool             `json:"is_async"`
	OnlyMissingOutputs *bool             `json:"only_missing_outputs"`
	Priority           int               `json:"priority"`
	RunAt              *Time             `json:"run_at"`
	ExpiresAt          *Time             `json:"expires_at"`
	TimeoutSeconds     float64           `json:"timeout_seconds"`
	MaxAttempts        int               `json:"max_attempts"`
	RetryOn            []string          `json:"retry_on"`
	MaxRecoveries      int               `json:"max_recoveries"`
	ConcurrencyKey     *string           `json:"concurrency_key"`
	ConcurrencyLimit   *int              `json:"concurrency_limit"`
	Requires           map[string]string `json:"requires"`
	Labels             map[string]string `json:"labels"`
	CallbackURL        *string           `json:"callback_url" doc:"Cut behind the host for who may only read."`
}

// Ended reports whether the job is in a state that never changes.
func (j *Job) Ended() bool {
	return j.Status == "completed" || j.Status == "failed" || j.Status == "cancelled"
}

// Page is one page of a collection.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"Give it as cursor for the next page; null at the end."`
}

// Attempt is one claim of a job by one worker.
type Attempt struct {
	Attempt       int      `json:"attempt"`
	Worker        string   `json:"worker"`
	Status        string   `json:"status" doc:"running, completed, failed, cancelled; returned: given back by its worker; lost: its worker was lost."`
	Reason        *string  `json:"reason"`
	ErrorMessage  *string  `json:"error_message"`
	ExitCode      *int     `json:"exit_code"`
	Signal        *string  `json:"signal"`
	Start         *string  `json:"start"`
	ClaimedAt     Time     `json:"claimed_at"`
	StartedAt     *Time    `json:"started_at"`
	CompletedAt   *Time    `json:"completed_at"`
	ExecutionTime *float64 `json:"execution_time"`
}

// LogLine is one line of a log, with format=jsonl. What nothing tells is null.
type LogLine struct {
	Time  *Time   `json:"time" doc:"Of the log record; of the one before for a line that is none, such as print's."`
	Level *string `json:"level" doc:"Of the log record: DEBUG, INFO, WARNING, ERROR, CRITICAL or the project's own."`
	Node  *string `json:"node" doc:"Node at work, where it is one."`
	Text  string  `json:"text" doc:"The line as printed, without its end."`
}

// Node is one node of a job's run.
type Node struct {
	Name        string   `json:"name"`
	Status      string   `json:"status" doc:"pending, running, completed, failed, skipped, cancelled."`
	StartedAt   *Time    `json:"started_at"`
	CompletedAt *Time    `json:"completed_at"`
	Seconds     *float64 `json:"seconds"`
}

// Project is a Kedro project that is served.
type Project struct {
	Name          string     `json:"name"`
	Path          string     `json:"path"`
	Python        string     `json:"python" doc:"The interpreter."`
	PythonVersion *string    `json:"python_version"`
	KedroVersion  *string    `json:"kedro_version"`
	Pipelines     int        `json:"pipelines" doc:"How many its registry has; 0 while that is not known."`
	LoadedAt      *Time      `json:"loaded_at" doc:"When the registry was read."`
	SourceHash    *string    `json:"source_hash"`
	Error         *LoadError `json:"error" doc:"Why the registry can't be read."`
	Findings      []Finding  `json:"findings" doc:"What someone should look at, each with what to do."`
}

// LoadError is why a project's registry can't be read.
type LoadError struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	Traceback string `json:"traceback"`
}

// Finding is one thing that doctor or health found.
type Finding struct {
	Level   string `json:"level" doc:"ok, warning or error; error: stops work."`
	Check   string `json:"check"`
	Message string `json:"message"`
	Advice  string `json:"advice" doc:"What to do; empty when all is well."`
}

// PipelineSummary is one pipeline of a registry, in a list.
type PipelineSummary struct {
	Name    string   `json:"name"`
	Project string   `json:"project"`
	Nodes   int      `json:"nodes"`
	Inputs  []string `json:"inputs" doc:"Free inputs: datasets that it reads and doesn't make."`
	Outputs []string `json:"outputs" doc:"Free outputs: datasets that it makes and doesn't read."`
}

// PipelineList answers GET /pipelines: the registries as they were last read.
type PipelineList struct {
	Items      []PipelineSummary `json:"items"`
	NextCursor *string           `json:"next_cursor"`
	Projects   []RegistryState   `json:"projects" doc:"State of the registry of each project in the list."`
}

// RegistryState tells how fresh a project's registry is.
type RegistryState struct {
	Project    string     `json:"project"`
	Known      bool       `json:"known" doc:"False until it was read for the first time."`
	Refreshing bool       `json:"refreshing"`
	LoadedAt   *Time      `json:"loaded_at"`
	SourceHash *string    `json:"source_hash"`
	Error      *LoadError `json:"error"`
}

// Pipeline is one pipeline with its graph.
type Pipeline struct {
	PipelineSummary
	LoadedAt   *Time               `json:"loaded_at"`
	SourceHash *string             `json:"source_hash"`
	Error      *LoadError          `json:"error"`
	NodeList   []PipelineNode      `json:"node_list" doc:"In topological order."`
	Edges      []Edge              `json:"edges"`
	Datasets   []Dataset           `json:"datasets"`
	Parameters []PipelineParameter `json:"parameters" doc:"Those its nodes use."`
}

// PipelineNode is a node as the registry has it.
type PipelineNode struct {
	Name      string   `json:"name"`
	Function  string   `json:"function"`
	Inputs    []string `json:"inputs"`
	Outputs   []string `json:"outputs"`
	Tags      []string `json:"tags"`
	Namespace *string  `json:"namespace"`
}

// Edge says that node To needs node From.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Dataset is a dataset of a pipeline, as the catalog describes it.
type Dataset struct {
	Name      string  `json:"name"`
	Type      *string `json:"type" doc:"Null: in memory, or not in the catalog."`
	Path      *string `json:"path"`
	Versioned bool    `json:"versioned"`
}

// PipelineParameter is a parameter that nodes use, with the project's own value.
type PipelineParameter struct {
	Name    string          `json:"name" doc:"Dotted, as in params:NAME."`
	Default json.RawMessage `json:"default" doc:"The project's own value; null when it has none."`
}

// Worker is a process that runs jobs.
type Worker struct {
	ID               string            `json:"id"`
	Host             string            `json:"host"`
	PID              int               `json:"pid"`
	Version          string            `json:"version"`
	Status           string            `json:"status" doc:"ready, draining, stopped, lost."`
	Slots            int               `json:"slots"`
	Running          []string          `json:"running" doc:"Ids of the jobs it runs."`
	Projects         []string          `json:"projects"`
	Labels           map[string]string `json:"labels"`
	StartedAt        Time              `json:"started_at"`
	SeenAt           *Time             `json:"seen_at"`
	DrainRequestedAt *Time             `json:"drain_requested_at" doc:"When it was asked to drain; null unless it was."`

	Registries []WorkerRegistry `json:"registries" doc:"What it knows of its projects; workers whose hashes of one project differ have different code."`
}

// WorkerRegistry is what a worker knows of one of its projects.
type WorkerRegistry struct {
	Project    string  `json:"project"`
	SourceHash *string `json:"source_hash" doc:"Of the project's sources as this worker has them; null before they were read."`
	ReadAt     *Time   `json:"read_at" doc:"When it read the registry."`
}

// Health answers GET /health.
type Health struct {
	Status  string           `json:"status" doc:"ok, degraded, down."`
	Version string           `json:"version"`
	Checks  map[string]Check `json:"checks"`
}

// Check is one part of Health.
type Check struct {
	Status  string `json:"status" doc:"ok, degraded, down."`
	Message string `json:"message"`
}

// Event is one server-sent event of a job.
type Event struct {
	ID    string          `json:"id" doc:"For Last-Event-ID."`
	Type  string          `json:"type" doc:"status, progress, node, end; new ones may come."`
	JobID string          `json:"job_id"`
	Time  Time            `json:"time"`
	Data  json.RawMessage `json:"data"`
}

// Problem is an RFC 9457 answer.
type Problem struct {
	Type   string         `json:"type,omitempty"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Code   string         `json:"code" doc:"Stable; listed in docs/api.md."`
	Detail string         `json:"detail" doc:"A sentence: what is wrong and what to do."`
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one refused value.
type ProblemField struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error gives the detail and the fields it doesn't name.
func (p *Problem) Error() string { return p.Detail }
