// Package config finds out what kedrod is set to: flags over environment over a file
// over defaults. It knows where each value came from, refuses what it does not know,
// and refuses by name what a later version brings. docs/settings.md is its outside.
package config

import (
	"log/slog"
	"time"
)

// Config is what serve and doctor go by. Every path in it is absolute.
type Config struct {
	File           string        // the file that was read; "": none
	Listen         string        // host:port as written; port 0 means any free one
	DataDir        string        // may not exist yet
	DatabaseURL    string        // of PostgreSQL, with its password; "": SQLite in DataDir
	Lease          time.Duration // of this worker; 0 without a database
	Concurrency    int           // slots of this worker, at least 1
	RunMemory      int64         // bytes that a run may use; 0: any amount
	RunCPUs        float64       // that a run may use at once; 0: any number
	StopGrace      StopGrace
	DrainTimeout   time.Duration
	UnknownFields  string // Refuse or Ignore
	InsecureNoAuth bool   // an address that others reach may be served without authentication
	Exposed        bool   // others can reach Listen, and InsecureNoAuth does not say that this is meant
	RateLimit      RateLimit
	CORSOrigins    []string // whose pages may call from browsers
	NoWorker       bool     // run no jobs here
	WorkerLabels   map[string]string
	Projects       []Project
	Retention      Retention
	Disk           Disk
	MetricsPublic  bool // GET /metrics needs no key
	// WebhookAllowPrivate lets deliveries go to private, loopback and link-local addresses.
	WebhookAllowPrivate bool
	Log                 Log

	values []Value
}

// What UnknownFields may be: refuse fields of a submission that do not exist, or
// ignore them.
const (
	Refuse = "refuse"
	Ignore = "ignore"
)

// RateLimit bounds the calls of each key.
type RateLimit struct {
	PerSecond float64 // 0: no bound
	Burst     int     // at once, at least 1
}

// StopGrace is how a run is ended: INT, then TERM after Int, then KILL after Term more.
type StopGrace struct {
	Int  time.Duration
	Term time.Duration
}

// What Project.RunEnv may be: a run gets the service's own environment less
// everything of ours, or only a short list of names.
const (
	Inherit = "inherit"
	Strict  = "strict"
)

// Project is one Kedro project to serve.
type Project struct {
	Name            string            // "": the project's own
	Path            string            // the project's folder, or one below it when Implied
	Implied         bool              // nobody named a project: Path is the working directory
	Python          string            // "": to be found; a bare name is looked up in PATH
	RunEnv          string            // Inherit or Strict
	PassEnv         []string          // names that reach a run in both modes, if they are set
	Env             map[string]string // set for every run; may hold secrets
	Timeout         time.Duration     // of an attempt; 0: the general default
	DynamicRegistry bool              // names of pipelines are never refused
	Concurrency     int               // slots of the project; 0: any number
	RunMemory       int64             // bytes that a run may use; 0: the general bound
	RunCPUs         float64           // that a run may use at once; 0: the general number
	Pipelines       map[string]Pipeline
}

// Pipeline is what is set for one pipeline of a project.
type Pipeline struct {
	Concurrency int           // slots of the pipeline; 0: any number
	Timeout     time.Duration // of an attempt; 0: the project's
	QueueWrites bool          // write_conflicts: queue
}

// Disk is what holds while the data folder's disk fills up, in bytes.
type Disk struct {
	MinFree int64 // below it no run is begun
	Ballast int64 // of the file that is given up when the disk is full; 0: none
}

// Retention is how much is kept; 0 means all of it.
type Retention struct {
	Jobs      time.Duration // after the end
	JobsCount int           // the newest
	Logs      time.Duration // logs and run folders, after the end
	LogsTotal int64         // bytes of all logs and run folders
	LogSize   int64         // bytes of one run's log
	Audit     time.Duration // of what was done
}

// Log is how kedrod writes its own log, on standard error or in a file.
type Log struct {
	File     string        // absolute; "": standard error
	MaxSize  int64         // bytes at which the file is put aside
	MaxAge   time.Duration // of files put aside, whole days; 0: for ever
	MaxFiles int           // put aside; 0: all
	Level    slog.Level
	Format   string // "auto" (text on a terminal, else JSON), "text" or "json"
}

// Warning is something in the settings that has no effect and was likely meant to.
type Warning struct {
	Name    string // of the variable
	Message string
}

// Value is one setting in force, for people.
type Value struct {
	Key    string `json:"key"`    // as in the file, dotted: "stop_grace.int"
	Value  string `json:"value"`  // "***" in place of a secret
	Source string `json:"source"` // "flag --listen", "environment KEDROD_LISTEN", "file PATH", "default"
}

// Values lists every setting that is in force and where it is from, in the order of
// the documentation.
func (c Config) Values() []Value { return c.values }
