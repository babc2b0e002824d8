package job

import (
	"fmt"
	"slices"
	"strings"
)

// Write is a file that a run writes, or is about to.
type Write struct {
	Dataset string `json:"dataset"`
	Path    string `json:"path"`            // relative to its project's folder with /, else absolute, or a URL
	Saved   bool   `json:"saved,omitempty"` // the run has written it
}

// Bounds of the writes of one run, and of the warnings that come of them.
const (
	MaxWrites        = 1000 // files of a run that are compared with those of others
	MaxWritePath     = 1024 // bytes; longer ones are not compared
	maxWriteWarnings = 20   // of one attempt
)

// Writes is what a job is expected to write, as far as that was known when it was
// submitted. It is kept where some pipeline of the project queues for its files.
type Writes struct {
	Queue bool    `json:"queue,omitempty"` // it waits for the files that other runs write
	Files []Write `json:"files"`           // up to MaxWrites, each path once
	Note  string  `json:"note,omitempty"`  // a sentence: what is not known of them, and stands among the job's warnings
}

// Warnings are those of a job with such files before any of its runs.
func (w *Writes) Warnings() []string {
	if w == nil || w.Note == "" {
		return nil
	}
	return []string{w.Note}
}

// Waits reports whether a job with such files may have to wait for some of them.
func (w *Writes) Waits() bool { return w != nil && w.Queue && len(w.Files) > 0 }

// Paths are those of the files.
func (w *Writes) Paths() []string {
	paths := make([]string, len(w.Files))
	for i := range w.Files {
		paths[i] = w.Files[i].Path
	}
	return paths
}

// SharesWrite records that another job, which runs at the same time, writes a file that
// this one writes too: w is this job's, both is true once both have written it. What is
// said once of a file and a job is not said again, only made certain. It reports whether
// that changed the warnings.
func (j *Job) SharesWrite(w Write, other string, both bool) bool {
	may := fmt.Sprintf("It may write the same file as job %s, which runs at the same time: %s (dataset %s).", other, w.Path, w.Dataset)
	did := fmt.Sprintf("It wrote the same file as job %s, which ran at the same time: %s (dataset %s).", other, w.Path, w.Dataset)
	at := slices.Index(j.Warnings, may)
	switch {
	case slices.Contains(j.Warnings, did), at >= 0 && !both:
		return false
	case at >= 0:
		j.Warnings = slices.Clone(j.Warnings) // the job may be a copy of one that is still in use
		j.Warnings[at] = did
		return true
	}
	said := 0
	for _, text := range j.Warnings {
		if strings.HasPrefix(text, "It may write the same file as job ") || strings.HasPrefix(text, "It wrote the same file as job ") {
			said++
		}
	}
	text := may
	switch {
	case slices.Contains(j.Warnings, moreShared):
		return false
	case said >= maxWriteWarnings:
		text = moreShared
	case both:
		text = did
	}
	j.Warnings = append(slices.Clone(j.Warnings), text)
	return true
}

const moreShared = "More of its files are those of other jobs that run at the same time; only the first are listed."
