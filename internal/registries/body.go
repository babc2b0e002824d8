// Package registries carries what workers know of their projects to those who serve
// without them: a worker publishes, a board reads.
package registries

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// Settings of a project that its submissions are judged by.
type Settings struct {
	Timeout   time.Duration // 0: none is set
	Slots     int           // 0: any number
	Dynamic   bool
	Pipelines map[string]PipelineSettings
}

// PipelineSettings are those of one pipeline.
type PipelineSettings struct {
	Slots       int
	Timeout     time.Duration
	QueueWrites bool // its jobs wait for files that other runs write
}

// Known is what a worker knows of a project.
type Known struct {
	Path     string // on the worker's machine, and so is Python
	Python   string
	Settings Settings
	Registry kedro.Registry
	Read     bool // the registry was read at least once
	Current  bool // it is of the sources as they were last seen
	Reduced  bool // it was too large: pipelines have no nodes
	Findings []kedro.Finding
}

// format grows when the shape of what is published does in a way that an older kedrod
// would misread.
const format = 1

type body struct {
	Format int
	Known
}

// maxBody bounds a body before it is packed.
const maxBody = 64 << 20

// pack makes the body. One that is too large loses its pipelines' nodes, then its
// datasets and parameters.
func (k Known) pack(p *compress.Packer) ([]byte, error) {
	for _, reduce := range []func(*Known){func(*Known) {}, withoutNodes, withoutAll} {
		reduce(&k)
		text, err := json.Marshal(body{format, k})
		if err != nil {
			return nil, fmt.Errorf("write the registry: %w", err)
		}
		if len(text) > maxBody {
			continue
		}
		packed, err := p.Pack(text)
		if err != nil || len(packed) <= store.MaxRegistry {
			return packed, err
		}
	}
	return nil, fmt.Errorf("the registry is larger than %d bytes even without its pipelines", store.MaxRegistry)
}

func withoutNodes(k *Known) {
	k.Reduced = true
	pipelines := make([]kedro.Pipeline, len(k.Registry.Pipelines))
	for i := range pipelines {
		pipelines[i].Name = k.Registry.Pipelines[i].Name
	}
	k.Registry.Pipelines = pipelines
}

func withoutAll(k *Known) {
	k.Registry.Pipelines, k.Registry.Datasets, k.Registry.Parameters, k.Registry.SitePath, k.Findings = nil, nil, nil, nil, nil
	k.Registry.Full, k.Current = false, false
}

// unpack reads a body.
//
//kedrod:parser FuzzUnpackBody
func unpack(p *compress.Packer, packed []byte) (Known, error) {
	text, err := p.Unpack(packed, maxBody)
	if err != nil {
		return Known{}, err
	}
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return Known{}, fmt.Errorf("read a published registry: %w", err)
	}
	if b.Format != format {
		return Known{}, fmt.Errorf("read a published registry: its format is %d, this kedrod reads %d: run the same version everywhere", b.Format, format)
	}
	return b.Known, nil
}
