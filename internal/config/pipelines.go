package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// pipelines reads what a project's entry says of single pipelines.
func (p *parser) pipelines(node *yaml.Node, at string) map[string]Pipeline {
	if node.Kind != yaml.MappingNode {
		p.refuse(node, at, fault.Invalid, "must hold PIPELINE: {concurrency: N, timeout: DURATION, write_conflicts: warn|queue}")
		return nil
	}
	pipelines := map[string]Pipeline{}
	p.pairs(node, at+".", func(name string, key, value *yaml.Node) {
		field := at + "." + name
		if err := isText(name); err != nil {
			p.refuse(key, at, fault.Invalid, "the name of a pipeline "+err.Error())
			return
		}
		if value.Kind != yaml.MappingNode {
			p.refuse(value, field, fault.Invalid, "must hold concurrency, timeout, write_conflicts")
			return
		}
		pipelines[name] = p.pipeline(value, field)
	})
	return pipelines
}

func (p *parser) pipeline(node *yaml.Node, at string) Pipeline {
	var pipeline Pipeline
	p.pairs(node, at+".", func(name string, key, value *yaml.Node) {
		field := at + "." + name
		switch name {
		case "concurrency", "timeout":
			text, ok := p.scalar(value, field)
			if !ok {
				return
			}
			var err error
			if name == "timeout" {
				pipeline.Timeout, err = parseTimeout(text)
			} else {
				pipeline.Concurrency, err = parseCount(text)
			}
			if err != nil {
				p.refuse(value, field, fault.Invalid, err.Error())
			}
		case "write_conflicts":
			text, ok := p.scalar(value, field)
			if err := oneOf("warn", "queue")(text); ok && err != nil {
				p.refuse(value, field, fault.Invalid, err.Error())
			}
			pipeline.QueueWrites = text == "queue"
		default:
			p.unknown(key, at+".", name, []string{"concurrency", "timeout", "write_conflicts"})
		}
	})
	return pipeline
}

//kedrod:parser FuzzUnits
func parseTimeout(text string) (time.Duration, error) {
	d, err := ParseDuration(text)
	if err == nil && (d <= 0 || d > job.MaxTimeout) {
		err = fmt.Errorf("must be more than 0 and at most 366 days")
	}
	return d, err
}
