package httpapi

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

// What a generated client makes a type of needs a name: without one it invents
// SubmissionParametersType0, and another one for every place that has the same shape.
const (
	parametersSchema   = "Parameters"
	labelsSchema       = "Labels"
	labelChangesSchema = "LabelChanges"
	versionsSchema     = "LoadVersions"
	resultsSchema      = "Results"
	statusSchema       = "JobStatus"
	retryReasonSchema  = "RetryReason"
	roleSchema         = "Role"
)

func refTo(name string) *huma.Schema { return &huma.Schema{Ref: schemaPrefix + name} }

// wordSchemas are the closed sets of words that clients send, each by its name. What
// answers hold is open, and a text there.
func wordSchemas() map[string]*huma.Schema {
	words := func(doc string, list []string) *huma.Schema {
		s := &huma.Schema{Type: huma.TypeString, Description: doc}
		for _, w := range list {
			s.Enum = append(s.Enum, w)
		}
		return s
	}
	var statuses, reasons, roles []string
	for _, st := range job.Statuses() {
		statuses = append(statuses, string(st))
	}
	for _, r := range job.Reasons() {
		if r.Retryable() {
			reasons = append(reasons, string(r))
		}
	}
	for _, role := range auth.Roles() {
		roles = append(roles, string(role))
	}
	return map[string]*huma.Schema{
		statusSchema:      words("The statuses of this version, to select jobs by. A job's own is open: expect new ones.", statuses),
		retryReasonSchema: words("Reasons of a failure that may be worth another try.", reasons),
		roleSchema:        words("viewer reads; runner also submits, changes, cancels, retries; admin does all.", roles),
	}
}

// nameShapes gives names to what has none in Go, and points to them.
func (s *schemas) nameShapes() {
	all := s.registry.Map()
	for name, schema := range wordSchemas() {
		all[name] = schema
	}
	all[parametersSchema] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "Kedro parameters, by their names."}
	all[labelsSchema] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString, MaxLength: new(255)},
		MaxProperties: new(service.MaxLabels), Description: "Texts by keys."}
	for _, of := range []string{"Submission", "Retry", "Job"} {
		p := all[of].Properties
		for _, field := range []string{"labels", "requires"} {
			p[field] = orNull(p[field], labelsSchema)
		}
		p["parameters"] = orNull(p["parameters"], parametersSchema)
	}
	p := all["Job"].Properties
	p["parameters"] = &huma.Schema{Description: p["parameters"].Description, AllOf: []*huma.Schema{refTo(parametersSchema)}}
	p["results"] = orNull(p["results"], resultsSchema)
	p = all["Worker"].Properties
	p["labels"] = orNull(p["labels"], labelsSchema)
	for _, of := range []string{"Submission", "Retry"} {
		all[of].Properties["retry_on"].Items = refTo(retryReasonSchema)
	}
	all["JobFilter"].Properties["status"].Items = refTo(statusSchema)
	all[versionsSchema] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}, Description: "Versions by datasets."}
	all["Job"].Properties["load_versions"] = orNull(all["Job"].Properties["load_versions"], versionsSchema)
	all[labelChangesSchema] = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString, Nullable: true, MaxLength: new(255)},
		Description: "Texts by keys; null takes one away."}
	all["JobPatch"].Properties["labels"] = orNull(all["JobPatch"].Properties["labels"], labelChangesSchema)
	all["Health"].Properties["checks"].Nullable, all["Results"].Properties["returned"].Nullable = false, false
	role := all["NewKey"].Properties["role"]
	all["NewKey"].Properties["role"] = &huma.Schema{Description: role.Description, AllOf: []*huma.Schema{refTo(roleSchema)}}
}

// orNull is a field that has the shape of that name, or null.
func orNull(p *huma.Schema, name string) *huma.Schema {
	return &huma.Schema{Description: p.Description, AnyOf: []*huma.Schema{refTo(name), {Type: "null"}}}
}

// unreferenced are types that no answer names: what a job's results and the data of
// events hold.
func (s *schemas) unreferenced() {
	s.of(client.Results{})
	s.of(client.EventData{})
}

// mendEvents: a field of another type's event is left out, one of its own may be null.
func (s *schemas) mendEvents() {
	for _, field := range []string{"running", "started_at", "completed_at", "seconds"} {
		s.registry.Map()["EventData"].Properties[field].Nullable = true
	}
}
