package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// Projects gives the projects that are served.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	return items[Project](ctx, c, api("projects"), nil)
}

// Pipelines gives the registries as they were last read; project "" means all.
func (c *Client) Pipelines(ctx context.Context, project string) (*PipelineList, error) {
	return c.pipelines(ctx, http.MethodGet, api("pipelines"), project)
}

// RefreshPipelines has the registries read anew and gives them then, which takes as
// long as importing the projects does; project "" means all.
func (c *Client) RefreshPipelines(ctx context.Context, project string) (*PipelineList, error) {
	return c.pipelines(ctx, http.MethodPost, api("pipelines", "refresh"), project)
}

func (c *Client) pipelines(ctx context.Context, method, path, project string) (*PipelineList, error) {
	list := new(PipelineList)
	if err := c.get(ctx, call{method: method, path: path, query: projectQuery(project)}, list); err != nil {
		return nil, err
	}
	return list, nil
}

// Pipeline gives one pipeline with its graph; project may be "" where one is served.
func (c *Client) Pipeline(ctx context.Context, name, project string) (*Pipeline, error) {
	p := new(Pipeline)
	k := call{method: http.MethodGet, path: api("pipelines", name), query: projectQuery(project)}
	if err := c.get(ctx, k, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Workers gives the processes that run jobs.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	return items[Worker](ctx, c, api("workers"), nil)
}

// DrainWorker has a worker take no more jobs and end once its runs have. It may be
// repeated.
func (c *Client) DrainWorker(ctx context.Context, id string) (*Worker, error) {
	w := new(Worker)
	return w, c.get(ctx, call{method: http.MethodPost, path: api("workers", id, "drain")}, w)
}

// Health tells how the service is, also when it answers 503 because it is down.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	resp, err := c.send(ctx, call{method: http.MethodGet, path: api("health")})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return nil, problemOf(resp)
	}
	h := new(Health)
	if err := c.decode(ctx, resp, h); err != nil {
		return nil, err
	}
	if h.Status == "" {
		return nil, errors.New("the server's health is not in kedrod's form: check the URL")
	}
	return h, nil
}

// OpenAPI gives the service's own description, OpenAPI 3.1 as JSON.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	var doc json.RawMessage
	err := c.get(ctx, call{method: http.MethodGet, path: "/openapi.json"}, &doc)
	return doc, err
}

func projectQuery(project string) url.Values {
	if project == "" {
		return nil
	}
	return url.Values{"project": {project}}
}
