package store

import "time"

// TopicRegistries wakes those who read what workers publish of their projects, and
// workers that are asked to read theirs anew.
const TopicRegistries = "registries"

// MaxRegistry is how many bytes the Body of a Registry may have.
const MaxRegistry = 4 << 20

// Registry is what a worker published of one of its projects. Of a project and a worker
// there is one, the newest.
type Registry struct {
	Project    string
	Worker     string
	SourceHash string     // of the sources as the worker has them; "" where they were not read
	ReadAt     *time.Time // when it was read; nil: not yet
	Refreshed  int64      // the newest AskRefresh that it answers
	Body       []byte     // what it is, for the worker's peers to read; at most MaxRegistry

	Seq    int64 // grows with every Publish: tells what is newer; the store's
	Living bool  // the worker is ready or draining; the store's
}
