package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

const schemaPrefix = "#/components/schemas/"

// schemas makes schemas of the wire's Go types, and mends what huma can't know.
type schemas struct{ registry huma.Registry }

func newSchemas() *schemas {
	r := huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)
	r.RegisterTypeAlias(reflect.TypeFor[client.Time](), reflect.TypeFor[time.Time]())
	return &schemas{registry: r}
}

func problemModel() client.Problem { return client.Problem{} }

func (s *schemas) of(v any) *huma.Schema {
	t := reflect.TypeOf(v)
	return s.registry.Schema(t, true, t.Name())
}

// mend goes over all schemas. Answers may gain fields, so other fields are allowed; a
// pointer and a map may be null unless they are left out then; and json.RawMessage is
// an object wherever the wire has one.
func (s *schemas) mend() {
	for name, schema := range s.registry.Map() {
		t := s.registry.TypeFromRef(schemaPrefix + name)
		if !isRequest(name) {
			schema.AdditionalProperties = nil
		}
		for _, f := range reflect.VisibleFields(t) {
			field, omitted := wireName(f)
			p := schema.Properties[field]
			if p == nil || f.Anonymous {
				continue
			}
			s.mendField(schema, field, p, f, omitted)
		}
	}
	s.mendLists()
	s.mendSubmission()
	s.mendNewKey()
	s.objects("Job", "parameters", "results", "runner_params")
	s.mendEvents()
	s.nameShapes()
}

func (s *schemas) mendField(schema *huma.Schema, field string, p *huma.Schema, f reflect.StructField, omitted bool) {
	null := f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Map
	switch {
	case f.Type == reflect.TypeFor[*client.Time]() || f.Type == reflect.TypeFor[client.Time]():
		p.Nullable = null && !omitted
	case null && p.Ref != "":
		schema.Properties[field] = &huma.Schema{Description: p.Description, AnyOf: []*huma.Schema{{Ref: p.Ref}, {Type: "null"}}}
	case null:
		p.Nullable = !omitted
	}
}

func wireName(f reflect.StructField) (name string, omitted bool) {
	tag := f.Tag.Get("json")
	for i, c := range tag {
		if c == ',' {
			return tag[:i], tag[i:] == ",omitempty"
		}
	}
	return tag, false
}

// objects says that fields hold any object, or null.
func (s *schemas) objects(name string, fields ...string) {
	for _, f := range fields {
		p := s.registry.Map()[name].Properties[f]
		p.Type, p.Nullable, p.AdditionalProperties = huma.TypeObject, true, true
	}
}

// mendLists says that an answer's lists are never null, but for a job's options that
// were not given.
func (s *schemas) mendLists() {
	options := s.registry.Map()["Submission"].Properties
	for name, schema := range s.registry.Map() {
		if isRequest(name) {
			continue
		}
		for field, p := range schema.Properties {
			if p.Type == huma.TypeArray {
				p.Nullable = (name == "Job" && options[field] != nil) || (field == "projects" && strings.HasSuffix(name, "Key"))
			}
		}
	}
}

// mendSubmission leaves in what this version takes, with its bounds; null is the same
// as leaving a field out.
func (s *schemas) mendSubmission() {
	for _, name := range []string{"Submission", "Retry"} {
		s.mendFields(name)
	}
	sub := s.registry.Map()["Submission"]
	sub.Properties["pipeline_name"].Nullable = false
	sub.Required = []string{"pipeline_name"}
	batch := s.registry.Map()["Batch"].Properties["items"]
	batch.Nullable, batch.MinItems, batch.MaxItems = false, new(1), new(service.MaxBatch)
	s.mendPatch()
	s.mendSelections()
	for _, field := range []string{"nodes", "missing_inputs", "unknown_parameters"} {
		s.registry.Map()["Validation"].Properties[field].Nullable = true
	}
	for _, field := range []string{"by_status", "by_pipeline", "by_reason"} {
		s.registry.Map()["Stats"].Properties[field].Nullable = false
	}
	retry := s.registry.Map()["Retry"]
	retry.Required = nil
	retry.Properties["from"].Enum = []any{"start"}
	retry.Properties["from"].Nullable = true
}

func (s *schemas) mendFields(of string) {
	sub := s.registry.Map()[of]
	for name, p := range sub.Properties {
		if !slices.Contains(taken(), name) && name != "from" {
			delete(sub.Properties, name)
			continue
		}
		p.Nullable = true
	}
	s.objects(of, "parameters")
	sub.Properties["env"].MinLength = new(1)
	sub.Properties["pipeline_name"].MinLength, sub.Properties["pipeline_name"].MaxLength = new(1), new(service.MaxName)
	sub.Properties["user_id"].MaxLength = new(service.MaxName)
	sub.Properties["callback_url"].Pattern = "^https?://"
	between := func(field string, low, high float64) {
		sub.Properties[field].Minimum, sub.Properties[field].Maximum = &low, &high
	}
	between("priority", -job.MaxPriority, job.MaxPriority)
	between("delay_seconds", 0, job.MaxAhead.Seconds())
	between("timeout_seconds", 0.001, job.MaxTimeout.Seconds())
	between("max_attempts", 1, job.MaxMaxAttempts)
	between("max_recoveries", 0, job.MaxMaxRecoveries)
	between("concurrency_limit", 1, job.MaxConcurrencyLimit)
	sub.Properties["concurrency_key"].MinLength, sub.Properties["concurrency_key"].MaxLength = new(1), new(job.MaxConcurrencyKey)
	sub.Properties["callback_url"].MinLength, sub.Properties["callback_url"].MaxLength = new(1), new(job.MaxCallbackURL)
}

// mendPatch: null takes a value away.
func (s *schemas) mendPatch() {
	patch := s.registry.Map()["JobPatch"].Properties
	for _, p := range patch {
		p.Nullable = true
	}
	low, high := float64(-job.MaxPriority), float64(job.MaxPriority)
	patch["priority"].Minimum, patch["priority"].Maximum = &low, &high
}

func (s *schemas) mendSelections() {
	low, high := 0.0, float64(service.MaxBulk)
	for _, name := range []string{"Selection", "RetrySelection"} {
		p := s.registry.Map()[name].Properties
		p["ids"].Nullable, p["expect"].Nullable, p["ids"].MaxItems = true, true, new(service.MaxBulk)
		p["expect"].Minimum, p["expect"].Maximum = &low, &high
		if p["from"] != nil {
			p["from"].Nullable, p["from"].Enum = true, []any{"start"}
		}
	}
	filter := s.registry.Map()["JobFilter"].Properties
	for _, p := range filter {
		if p.Nullable = true; p.Type == huma.TypeArray {
			p.MinItems, p.MaxItems, p.Items.MinLength, p.Items.MaxLength = new(1), new(maxValues), new(1), new(maxText)
		}
	}
	filter["id"].Items.MinLength, filter["label"].Items.Pattern, filter["q"].MinLength = new(service.MinIDPart), labelPattern, new(1)
}

// isRequest tells bodies that clients send: unknown fields are refused in them, and
// null is the same as leaving a field out.
func isRequest(schema string) bool {
	return slices.Contains([]string{"Submission", "Retry", "Batch", "JobPatch", "Selection", "RetrySelection", "JobFilter", "NewKey"}, schema)
}

func (s *schemas) mendNewKey() {
	n := s.registry.Map()["NewKey"]
	n.Properties["projects"].Nullable, n.Properties["projects"].MinItems = true, new(1)
	n.Properties["expires_at"].Nullable = true
	n.Properties["name"].MinLength, n.Properties["name"].MaxLength = new(1), new(100)
	n.Required = []string{"name", "role"}
}

// older finishes the form of OpenAPI 3.0, which has no type null.
func older(raw []byte) ([]byte, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("openapi 3.0: %w", err)
	}
	withoutNull(v)
	return json.MarshalIndent(v, "", "  ")
}

func withoutNull(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			withoutNull(item)
		}
	case map[string]any:
		if of, ok := v["anyOf"].([]any); ok && len(of) == 2 {
			if second, ok := of[1].(map[string]any); ok && (second["type"] == "null" || second["nullable"] == true) {
				delete(v, "anyOf")
				v["allOf"], v["nullable"] = of[:1], true
			}
		}
		if license, ok := v["license"].(map[string]any); ok {
			delete(license, "identifier") // of 3.1
		}
		for _, item := range v {
			withoutNull(item)
		}
	}
}
