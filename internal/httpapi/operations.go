package httpapi

import (
	"fmt"
	"math"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

// operations is everything that the API does, in the order of the documentation.
func operations() []operation {
	var all []operation
	all = append(all, jobOperations()...)
	all = append(all, queueOperations()...)
	all = append(all, runOperations()...)
	all = append(all, projectOperations()...)
	all = append(all, keyOperations()...)
	return append(all, processOperations()...)
}

func waitParam(doc string) param {
	return param{name: "wait", kind: seconds, max: int(service.MaxWait.Seconds()), doc: doc}
}

func attemptParam() param {
	return param{name: "attempt", kind: integer, min: 1, max: math.MaxInt32, doc: "Which attempt; the last unless given."}
}

func jobOperations() []operation {
	location := header{"Location", "Path of the job."}
	statuses := make([]string, 0, 5)
	for _, st := range job.Statuses() {
		statuses = append(statuses, string(st))
	}
	return []operation{
		{
			method: http.MethodPost, path: "/api/v1/jobs", id: "submit-job", tag: "jobs", summary: "Submit a job", right: service.Run,
			doc: "The job is on disk before the answer leaves. Only `pipeline_name` is needed, and `project` where several are served. " +
				"With an `Idempotency-Key` a repetition with the same body, as a JSON value, gives the first job.",
			query:   []param{waitParam("Answer at the job's end, or after so many seconds.")},
			headers: []header{{"Idempotency-Key", "Makes a repetition give the first job; at most 255 bytes, kept as long as the job."}},
			body:    client.Submission{},
			answers: []answer{
				{status: http.StatusCreated, doc: "The job, accepted.", body: client.Job{}, headers: []header{location}},
				{status: http.StatusOK, doc: "The first job of this Idempotency-Key.", body: client.Job{}, headers: []header{location}},
			},
			refusals: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).submit,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs", id: "list-jobs", tag: "jobs", summary: "List jobs, newest first", right: service.Read,
			doc: "Filters may be repeated: a job must fit one value of each that is given.",
			query: []param{
				{name: "id", repeated: true, least: service.MinIDPart, doc: "Beginning or end of an id, 6 or more characters."},
				{name: "status", kind: word, words: statuses, schemaName: statusSchema, repeated: true, doc: "Status."},
				{name: "pipeline_name", repeated: true, doc: "Pipeline."},
				{name: "user_id", repeated: true, doc: "The client's own free text."},
				{name: "submitted_by", repeated: true, doc: "Who really called."},
				{name: "project", repeated: true, doc: "Project."},
				{name: "label", repeated: true, pattern: labelPattern, doc: "A label, as key:value."},
				{name: "schedule_id", repeated: true, later: true},
				{name: "created_since", kind: moment, doc: "Created at this time or later."},
				{name: "created_until", kind: moment, doc: "Created before this time."},
				{name: "q", doc: "Part of the id, pipeline's name, user id or error message, ignoring case."},
				{name: "include", kind: word, words: []string{"parameters", "results"}, repeated: true, doc: "Fields that lists leave out otherwise."},
				{name: "limit", kind: integer, min: 1, max: service.MaxLimit, doc: fmt.Sprintf("Jobs of a page; %d unless given.", service.DefaultLimit)},
				{name: "cursor", doc: "`next_cursor` of the page before."},
			},
			answers: []answer{{status: http.StatusOK, doc: "A page of jobs.", body: client.Page[client.Job]{}}},
			serve:   (*api).jobs,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}", id: "get-job", tag: "jobs", summary: "Get a job", right: service.Read,
			query:   []param{waitParam("Answer at the job's end, or after so many seconds.")},
			headers: []header{{"If-None-Match", "An ETag: 304 while the job is still the same."}},
			answers: []answer{
				{status: http.StatusOK, doc: "The job.", body: client.Job{}, headers: []header{{"ETag", "Changes with the answer."}}},
				{status: http.StatusNotModified, doc: "The job is as the client has it."},
			},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).job,
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/{id}/cancel", id: "cancel-job", tag: "jobs", summary: "Cancel a job", right: service.Run,
			doc:      "A pending job is cancelled at once; one that runs is `cancelled` once its last process is gone; one that has ended stays as it is. May be repeated.",
			answers:  []answer{{status: http.StatusOK, doc: "The job as it is.", body: client.Job{}}},
			refusals: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
			serve:    (*api).cancel,
		},
	}
}

func runOperations() []operation {
	last := header{"Last-Event-ID", "Goes on after the event of this id."}
	lastQuery := param{name: "last_event_id", kind: seq, doc: "The same as the header Last-Event-ID, which goes before it."}
	lastOffset := lastQuery
	lastOffset.kind = offset
	return []operation{
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/logs", id: "get-job-logs", tag: "runs", summary: "Read or follow a job's log", right: service.Read,
			doc: "Everything that the run printed, byte for byte; empty where there is none yet. With `follow` the answer is a stream of server-sent events: `log` with " +
				"`{\"text\"}`, whose id is the offset behind it, and `end` with `{\"bytes\"}`.",
			query: []param{
				attemptParam(),
				{name: "tail", kind: integer, min: 0, max: math.MaxInt32, doc: "Only so many last lines."},
				{name: "format", kind: word, words: []string{"text", "jsonl"}, doc: "`text`, or `jsonl`: an object a line, or an event, with `time`, `level`, `node` and `text`."},
				{name: "follow", kind: flag, doc: "Stream what is written until the attempt ends."},
				lastOffset,
			},
			headers: []header{{"Range", "Bytes of the log, as in RFC 9110; not with tail or follow."}, {"If-Range", "The ETag of what the client has."}, last},
			answers: []answer{
				{status: http.StatusOK, doc: "The log.", media: mediaText, headers: []header{{"Kedrod-Attempt", "Which attempt's log it is; absent before the first."}, {"ETag", "For If-Range."}}},
				{status: http.StatusPartialContent, doc: "The bytes asked for.", media: mediaText},
				{status: http.StatusNoContent, doc: "Follow: Last-Event-ID was that of `end`."},
			},
			refusals: []int{http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable},
			serve:    (*api).logs,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/events", id: "follow-job-events", tag: "runs", summary: "Follow a job's events", right: service.Read,
			doc: "Server-sent events `status`, `progress`, `node` and `end`, from the job's first one on; the stream ends after `end`. " +
				"New types may come. Each has `job_id`, `attempt` and `time`. A comment every 15 seconds keeps the connection.",
			query: []param{lastQuery}, headers: []header{last},
			answers: []answer{
				{status: http.StatusOK, doc: "The stream.", media: mediaEvents},
				{status: http.StatusNoContent, doc: "Nothing follows Last-Event-ID any more: do not come again."},
			},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).jobEvents,
		},
		{
			method: http.MethodGet, path: "/api/v1/events", id: "follow-events", tag: "runs", summary: "Follow the events of all jobs", right: service.Read,
			doc:   "As for one job, from now on, or from Last-Event-ID; it never ends by itself.",
			query: []param{lastQuery}, headers: []header{last},
			answers: []answer{{status: http.StatusOK, doc: "The stream.", media: mediaEvents}},
			serve:   (*api).allEvents,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/attempts", id: "list-job-attempts", tag: "runs", summary: "List a job's attempts", right: service.Read,
			answers:  []answer{{status: http.StatusOK, doc: "The attempts, the first first.", body: client.Page[client.Attempt]{}}},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).attempts,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/nodes", id: "list-job-nodes", tag: "runs", summary: "List the nodes of a job's run", right: service.Read,
			query:    []param{attemptParam()},
			answers:  []answer{{status: http.StatusOK, doc: "The nodes in topological order.", body: client.Page[client.Node]{}}},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).nodes,
		},
		{
			method: http.MethodGet, path: "/api/v1/jobs/{id}/deliveries", id: "list-job-deliveries", tag: "runs", summary: "List what was told of a job's end", right: service.Read,
			doc:      "One for its `callback_url`, from its end until a week after the delivery's own; none otherwise.",
			answers:  []answer{{status: http.StatusOK, doc: "The deliveries, the first first.", body: client.Page[client.Delivery]{}}},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).deliveries,
		},
	}
}

func projectOperations() []operation {
	projects := param{name: "project", repeated: true, doc: "Only these projects."}
	return []operation{
		{
			method: http.MethodGet, path: "/api/v1/projects", id: "list-projects", tag: "projects", summary: "List the projects that are served", right: service.Read,
			answers: []answer{{status: http.StatusOK, doc: "The projects.", body: client.Page[client.Project]{}}},
			serve:   (*api).projects,
		},
		{
			method: http.MethodGet, path: "/api/v1/pipelines", id: "list-pipelines", tag: "projects", summary: "List the pipelines", right: service.Read,
			doc: "The registries as they were last read; it never waits for one.", query: []param{projects},
			answers: []answer{{status: http.StatusOK, doc: "The pipelines.", body: client.PipelineList{}}},
			serve:   (*api).pipelines,
		},
		{
			method: http.MethodGet, path: "/api/v1/pipelines/{name}", id: "get-pipeline", tag: "projects", summary: "Get a pipeline with its graph", right: service.Read,
			query:    []param{{name: "project", doc: "Needed where several projects have a pipeline of this name."}},
			answers:  []answer{{status: http.StatusOK, doc: "The pipeline.", body: client.Pipeline{}}},
			refusals: []int{http.StatusNotFound},
			serve:    (*api).pipeline,
		},
		{
			method: http.MethodPost, path: "/api/v1/pipelines/refresh", id: "refresh-pipelines", tag: "projects", summary: "Read the registries anew", right: service.Run,
			doc: "Answers once they are read, which takes as long as importing the projects does.", query: []param{projects},
			answers:  []answer{{status: http.StatusOK, doc: "The pipelines.", body: client.PipelineList{}}},
			refusals: []int{http.StatusRequestEntityTooLarge},
			serve:    (*api).refresh,
		},
	}
}

func processOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: "/api/v1/workers", id: "list-workers", tag: "service", summary: "List the workers", right: service.Read,
			doc:     "Those that live, and those that ended within a day.",
			answers: []answer{{status: http.StatusOK, doc: "The workers.", body: client.Page[client.Worker]{}}},
			serve:   (*api).workers,
		},
		{
			method: http.MethodPost, path: "/api/v1/workers/{id}/drain", id: "drain-worker", tag: "service", summary: "Have a worker take no more jobs and end",
			right: service.Admin, whole: true,
			doc: "Its runs may end within `drain_timeout`; what is left then goes back to the queue, at no cost. A `kedrod worker` exits; of a `kedrod serve` the API goes on. " +
				"May be repeated; a worker that has ended stays as it is.",
			answers:  []answer{{status: http.StatusOK, doc: "The worker as it is then.", body: client.Worker{}}},
			refusals: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge},
			serve:    (*api).drainWorker,
		},
		{
			method: http.MethodGet, path: "/api/v1/health", id: "get-health", tag: "service", summary: "How the service is", public: true,
			doc: "`down`: the store can't be used; `degraded`: it can, someone should look. Needs no key.",
			answers: []answer{
				{status: http.StatusOK, doc: "ok or degraded.", body: client.Health{}},
				{status: http.StatusServiceUnavailable, doc: "down.", body: client.Health{}},
			},
			serve: (*api).health,
		},
		{
			method: http.MethodGet, path: "/livez", id: "get-livez", tag: "service", summary: "Whether the process serves", public: true,
			answers: []answer{{status: http.StatusOK, doc: "ok", media: mediaText}},
			serve:   (*api).live,
		},
		{
			method: http.MethodGet, path: "/readyz", id: "get-readyz", tag: "service", summary: "Whether the service can take a job", public: true,
			answers: []answer{{status: http.StatusOK, doc: "ok", media: mediaText}},
			serve:   (*api).ready,
		},
	}
}
