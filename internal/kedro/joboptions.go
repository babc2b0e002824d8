package kedro

import "github.com/kedrod/kedrod/internal/job"

// OptionsOf gives a job's options as RunConfig takes them.
func OptionsOf(j *job.Job) RunOptions {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	o := j.Options
	return RunOptions{
		Pipeline: j.Pipeline, PipelineNames: o.PipelineNames, Parameters: j.Parameters, Tags: o.Tags, NodeNames: o.NodeNames,
		FromNodes: o.FromNodes, ToNodes: o.ToNodes, FromInputs: o.FromInputs, ToOutputs: o.ToOutputs, Namespaces: o.Namespaces,
		LoadVersions: o.LoadVersions, Env: text(o.Env), ConfSource: text(o.ConfSource), Runner: text(o.Runner),
		RunnerParams: o.RunnerParams, IsAsync: o.IsAsync, OnlyMissingOutputs: o.OnlyMissingOutputs,
	}
}
