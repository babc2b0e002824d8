package service

import (
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// writesOf gives what the job is expected to write, to be kept with it where some
// pipeline of the project queues for its files; else nil.
func (p *Project) writesOf(j *job.Job) *job.Writes {
	if !p.queuesWrites() {
		return nil
	}
	names := j.Options.PipelineNames
	if len(names) == 0 {
		names = []string{j.Pipeline}
	}
	w := &job.Writes{}
	for _, name := range names {
		w.Queue = w.Queue || p.Pipelines[name].QueueWrites
	}
	registry, known := p.Catalog.Snapshot()
	var unknown string
	if w.Files, unknown = registry.Writes(p.Path, j); !known {
		unknown = "the project's registry is not known yet"
	}
	switch {
	case !w.Queue && len(w.Files) == 0:
		return nil
	case w.Queue && unknown != "" && len(w.Files) > 0:
		w.Note = "It waits for some of its files only (write_conflicts: queue): " + unknown + "."
	case w.Queue && unknown != "":
		w.Note = "It does not wait for files that other runs write (write_conflicts: queue): " + unknown + "."
	}
	return w
}

// queuesWrites reports whether some pipeline of the project queues for its files.
func (p *Project) queuesWrites() bool {
	for _, s := range p.Pipelines {
		if s.QueueWrites {
			return true
		}
	}
	return false
}

// waitsForFile names the file that a job waits for, and who has it.
func waitsForFile(path string, w store.Waiting) string {
	switch {
	case w.Holder == "":
		return fmt.Sprintf("It waits for the file %s, which was another's until just now.", path)
	case w.Running == 0:
		return fmt.Sprintf("It waits for the file %s, behind job %s, which waits for its own.", path, w.Holder)
	}
	return fmt.Sprintf("It waits for the file %s: job %s writes it.", path, w.Holder)
}
