package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

func (a *api) projects(c *call) error {
	views, err := a.service.Projects(c.ctx(), c.caller)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Page[client.Project]{Items: each(views, wireProject)})
}

func wireProject(v *service.ProjectView) client.Project {
	r := &v.Registry
	return client.Project{
		Name: v.Name, Path: v.Path, Python: v.Python, PythonVersion: given(r.Python), KedroVersion: given(r.Kedro),
		Pipelines: len(r.Pipelines), LoadedAt: wireTime(&r.LoadedAt), SourceHash: given(r.SourceHash), Error: wireLoadError(r.Error),
		Findings: each(v.Findings, wireFinding),
	}
}

func wireFinding(f *kedro.Finding) client.Finding {
	level := "warning"
	if f.Stops {
		level = "error"
	}
	return client.Finding{Level: level, Check: f.Code, Message: f.Message, Advice: f.Fix}
}

func wireLoadError(e *kedro.LoadError) *client.LoadError {
	if e == nil {
		return nil
	}
	return &client.LoadError{Type: e.Type, Message: e.Message, Traceback: e.Traceback}
}

func (a *api) pipelines(c *call) error {
	views, err := a.service.Pipelines(c.ctx(), c.caller, c.query.texts("project"))
	if err != nil {
		return queryFault(err)
	}
	return c.answer(http.StatusOK, wirePipelines(views))
}

func (a *api) refresh(c *call) error {
	if err := a.noBody(c); err != nil {
		return err
	}
	views, err := a.service.Refresh(c.ctx(), c.caller, c.query.texts("project"))
	if err != nil {
		return queryFault(err)
	}
	return c.answer(http.StatusOK, wirePipelines(views))
}

func wirePipelines(views []service.ProjectView) client.PipelineList {
	l := client.PipelineList{Items: []client.PipelineSummary{}, Projects: []client.RegistryState{}}
	for i := range views {
		v := &views[i]
		r := &v.Registry
		for k := range r.Pipelines {
			l.Items = append(l.Items, wireSummary(v.Name, &r.Pipelines[k]))
		}
		l.Projects = append(l.Projects, client.RegistryState{
			Project: v.Name, Known: v.Known, Refreshing: v.Refreshing, LoadedAt: wireTime(&r.LoadedAt),
			SourceHash: given(r.SourceHash), Error: wireLoadError(r.Error),
		})
	}
	return l
}

func wireSummary(project string, p *kedro.Pipeline) client.PipelineSummary {
	return client.PipelineSummary{Name: p.Name, Project: project, Nodes: len(p.Nodes), Inputs: list(p.Inputs), Outputs: list(p.Outputs)}
}

func (a *api) pipeline(c *call) error {
	v, p, err := a.service.Pipeline(c.ctx(), c.caller, c.query.text("project"), c.r.PathValue("name"))
	if err != nil {
		return queryFault(err)
	}
	r := &v.Registry
	w := client.Pipeline{
		PipelineSummary: wireSummary(v.Name, &p), LoadedAt: wireTime(&r.LoadedAt), SourceHash: given(r.SourceHash),
		Error: wireLoadError(r.Error), Datasets: []client.Dataset{}, Parameters: []client.PipelineParameter{},
		NodeList: each(p.Nodes, func(n *kedro.PipelineNode) client.PipelineNode {
			return client.PipelineNode{Name: n.Name, Function: n.Func, Inputs: list(n.Inputs), Outputs: list(n.Outputs), Tags: list(n.Tags), Namespace: n.Namespace}
		}),
		Edges: each(p.Edges, func(e *kedro.Edge) client.Edge { return client.Edge{From: e.From, To: e.To} }),
	}
	for _, name := range p.Datasets {
		d, _ := r.Dataset(name)
		w.Datasets = append(w.Datasets, client.Dataset{Name: name, Type: d.Type, Path: d.Filepath, Versioned: d.Versioned})
	}
	for _, name := range p.Parameters {
		w.Parameters = append(w.Parameters, client.PipelineParameter{Name: strings.TrimPrefix(name, "params:"), Default: defaultOf(r, name)})
	}
	return c.answer(http.StatusOK, w)
}

// defaultOf is the project's value of "parameters" or "params:a.b"; nil, null on the
// wire, where it has none.
func defaultOf(r *kedro.Registry, name string) json.RawMessage {
	path, ok := strings.CutPrefix(name, "params:")
	if !ok {
		all := map[string]json.RawMessage{}
		for top, p := range r.Parameters {
			if len(p.Default) > 0 {
				all[top] = p.Default
			}
		}
		b, err := json.Marshal(all)
		if err != nil {
			return nil
		}
		return b
	}
	parts := strings.Split(path, ".")
	value := r.Parameters[parts[0]].Default
	for _, part := range parts[1:] {
		var object map[string]json.RawMessage
		if json.Unmarshal(value, &object) != nil {
			return nil
		}
		value = object[part]
	}
	return value
}

func (a *api) workers(c *call) error {
	workers, err := a.service.Workers(c.ctx(), c.caller)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Page[client.Worker]{Items: each(workers, wireWorker)})
}

func (a *api) drainWorker(c *call) error {
	if err := a.noBody(c); err != nil {
		return err
	}
	w, err := a.service.DrainWorker(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wireWorker(&w))
}

func wireWorker(v *service.WorkerView) client.Worker {
	w := &v.Worker
	labels := w.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return client.Worker{
		ID: w.ID, Host: w.Host, PID: w.PID, Version: w.Version, Status: string(w.State), Slots: w.Slots, Running: list(w.Running),
		Projects: list(w.Projects), Labels: labels, StartedAt: client.Time{Time: w.StartedAt}, SeenAt: wireTime(&w.SeenAt),
		DrainRequestedAt: wireTime(w.DrainRequestedAt),
		Registries: each(v.Registries, func(r *store.Registry) client.WorkerRegistry {
			return client.WorkerRegistry{Project: r.Project, SourceHash: given(r.SourceHash), ReadAt: wireTime(r.ReadAt)}
		}),
	}
}
