package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/service"
)

// documents are the forms of the OpenAPI document.
type documents struct{ json31, yaml31, json30 []byte }

// OpenAPI gives the description of the API: OpenAPI 3.1 as JSON and as YAML, and a
// 3.0 form as JSON. It needs no service.
func OpenAPI(version string) (json31, yaml31, json30 []byte, err error) {
	d, err := describe(version)
	return d.json31, d.yaml31, d.json30, err
}

func describe(version string) (documents, error) {
	doc := document(version)
	var d documents
	raw, err := json.Marshal(doc)
	if err != nil {
		return d, fmt.Errorf("openapi: %w", err)
	}
	if d.json31, err = indented(raw); err != nil {
		return d, err
	}
	if d.yaml31, err = doc.YAML(); err != nil {
		return d, fmt.Errorf("openapi as YAML: %w", err)
	}
	if raw, err = doc.Downgrade(); err != nil {
		return d, fmt.Errorf("openapi 3.0: %w", err)
	}
	d.json30, err = older(raw)
	return d, err
}

func indented(raw []byte) ([]byte, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return json.MarshalIndent(v, "", "  ")
}

// document makes the model from the table of operations.
func document(version string) *huma.OpenAPI {
	s := newSchemas()
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "kedrod", Version: version,
			Description: "Runs the pipelines of a Kedro project. Statuses, reasons, event types and the fields of answers are open sets: expect new ones.",
			License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
		},
		Tags: []*huma.Tag{
			{Name: "jobs", Description: "Requests to run a pipeline."},
			{Name: "runs", Description: "What a job's run does: log, events, nodes."},
			{Name: "projects", Description: "Kedro projects and their pipelines."},
			{Name: "keys", Description: "Who may call, and what was done."},
			{Name: "service", Description: "The service itself."},
		},
		Components: &huma.Components{Schemas: s.registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			keyScheme: {Type: "http", Scheme: "bearer", Description: "A key, from the first key of the service on."},
		}},
	}
	for _, op := range operations() {
		doc.AddOperation(s.operation(&op))
	}
	s.unreferenced()
	s.mend()
	return doc
}

func (s *schemas) operation(op *operation) *huma.Operation {
	o := &huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.doc,
		Tags: []string{op.tag}, Parameters: s.parameters(op), Responses: map[string]*huma.Response{},
	}
	if !op.public {
		o.Security = []map[string][]string{{keyScheme: {}}}
	}
	if op.body != nil { // one media type: of two, openapi-python-client makes a call that does not compile
		o.RequestBody = &huma.RequestBody{Required: !op.optional, Content: map[string]*huma.MediaType{media: {Schema: s.of(op.body)}}}
	}
	for _, status := range append(everywhere(op), op.refusals...) {
		o.Responses[strconv.Itoa(status)] = s.problem(status)
	}
	for _, a := range op.answers {
		r := &huma.Response{Description: a.doc}
		for _, h := range a.headers {
			if r.Headers == nil {
				r.Headers = map[string]*huma.Param{}
			}
			r.Headers[h.name] = &huma.Param{Description: h.doc, Schema: &huma.Schema{Type: huma.TypeString}}
		}
		switch {
		case a.body != nil:
			r.Content = map[string]*huma.MediaType{media: {Schema: s.of(a.body)}}
		case a.media != "":
			r.Content = map[string]*huma.MediaType{a.media: {Schema: &huma.Schema{Type: huma.TypeString}}}
		}
		key := strconv.Itoa(a.status)
		if old := o.Responses[key]; old != nil { // health answers 503 in its own form, too
			maps.Copy(r.Content, old.Content)
			r.Headers = old.Headers
		}
		o.Responses[key] = r
	}
	if op.id == "get-job-logs" {
		o.Responses["200"].Content[mediaLines] = &huma.MediaType{Schema: s.of(client.LogLine{})}
		o.Responses["206"].Content["multipart/byteranges"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}} // several ranges
		o.Responses["200"].Content[mediaEvents] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return o
}

const keyScheme = "key"

func (s *schemas) problem(status int) *huma.Response {
	r := &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{problemType: {Schema: s.of(problemModel())}}}
	switch status {
	case http.StatusUnauthorized:
		r.Headers = map[string]*huma.Param{"WWW-Authenticate": {Description: "How to give a key.", Schema: &huma.Schema{Type: huma.TypeString}}}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		r.Headers = map[string]*huma.Param{"Retry-After": {Description: "When to come again, in seconds.", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	}
	return r
}

func (s *schemas) parameters(op *operation) []*huma.Param {
	var list []*huma.Param
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(op.path, -1) {
		list = append(list, &huma.Param{Name: m[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	for _, p := range op.query {
		if p.later {
			continue
		}
		schema := p.schema()
		q := &huma.Param{Name: p.name, In: "query", Description: p.doc, Schema: schema}
		if p.repeated {
			explode := true
			q.Explode, q.Style = &explode, "form"
			q.Schema = &huma.Schema{Type: huma.TypeArray, Items: schema, MaxItems: new(maxValues)}
		}
		list = append(list, q)
	}
	for _, h := range op.headers {
		list = append(list, &huma.Param{Name: h.name, In: "header", Description: h.doc, Schema: headerSchema(op, h.name)})
	}
	return list
}

// headerSchema is what a request's header of that name holds.
func headerSchema(op *operation, name string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	switch name {
	case "Idempotency-Key":
		s.MinLength, s.MaxLength = new(1), new(service.MaxIdempotencyKey)
	case "Last-Event-ID":
		s.Pattern = seqPattern
		if op.id == "get-job-logs" {
			s.Pattern = offsetPattern
		}
	}
	return s
}

// Patterns tell generators and testers more than the words beside them; the use cases
// are the judges.
const (
	seqPattern    = "^([0-9]{1,18})?$" // of the ids that a stream of events gives, or none
	offsetPattern = "^([0-9]{1,18}(-end)?)?$"
	labelPattern  = "^[^:]+:"
)

func (p *param) schema() *huma.Schema {
	low, high := float64(p.min), float64(p.max)
	switch p.kind {
	case word:
		if p.schemaName != "" {
			return refTo(p.schemaName)
		}
		s := &huma.Schema{Type: huma.TypeString}
		for _, w := range p.words {
			s.Enum = append(s.Enum, w)
		}
		return s
	case integer:
		return &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}
	case seconds:
		return &huma.Schema{Type: huma.TypeNumber, Minimum: &low, Maximum: &high}
	case moment:
		return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	case flag:
		return &huma.Schema{Type: huma.TypeBoolean}
	case seq:
		return &huma.Schema{Type: huma.TypeString, Pattern: seqPattern}
	case offset:
		return &huma.Schema{Type: huma.TypeString, Pattern: offsetPattern}
	case text:
		s := &huma.Schema{Type: huma.TypeString, Pattern: p.pattern, MaxLength: new(maxText)}
		switch {
		case p.least > 0:
			s.MinLength = new(p.least)
		case p.repeated:
			s.MinLength = new(1)
		}
		return s
	}
	return &huma.Schema{}
}
