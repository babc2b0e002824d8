package httpapi

import (
	"fmt"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/service"
)

// queueOperations are the calls on jobs beside submitting, listing and cancelling one.
func queueOperations() []operation {
	location := header{"Location", "Path of the job."}
	return []operation{
		{
			method: http.MethodPost, path: "/api/v1/jobs/batch", id: "submit-jobs", tag: "jobs", summary: "Submit several jobs, all or none", right: service.Run,
			doc:     fmt.Sprintf("Up to %d. A refusal names the first item that is refused, as `items[3].priority`, and nothing is accepted.", service.MaxBatch),
			headers: []header{{"Idempotency-Key", "Makes a repetition give the first jobs; at most 255 bytes, kept as long as they are."}},
			body:    client.Batch{},
			answers: []answer{
				{status: http.StatusCreated, doc: "The jobs, in the order of the items.", body: client.Submitted{}},
				{status: http.StatusOK, doc: "The first jobs of this Idempotency-Key, in their order, as far as they are still kept.", body: client.Submitted{}},
			},
			refusals: []int{http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).submitAll,
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/validate", id: "validate-job", tag: "jobs", summary: "Say what would become of a submission", right: service.Run, asks: true,
			doc:      "It is judged as a submission is; nothing is stored, nothing runs. What would be refused is 200, too, with `valid` false.",
			body:     client.Submission{},
			answers:  []answer{{status: http.StatusOK, doc: "What would become of it.", body: client.Validation{}}},
			refusals: []int{http.StatusRequestEntityTooLarge},
			serve:    (*api).validate,
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/cancel", id: "cancel-jobs", tag: "jobs", summary: "Cancel many jobs", right: service.Run,
			doc: fmt.Sprintf("Those of `ids`, or those that `filter` fits, at most %d. When there are not as many as `expect`, it is 409 and nothing is done. ", service.MaxBulk) +
				"Each is cancelled as by its own call; those that have ended stay as they are.",
			body:     client.Selection{},
			answers:  []answer{{status: http.StatusOK, doc: "The jobs' ids.", body: client.Selected{}}},
			refusals: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).cancelAll,
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/retry", id: "retry-jobs", tag: "jobs", summary: "Submit many jobs that ended once more", right: service.Run,
			doc:      "As with cancelling many. All must have ended, and each is judged before the first is submitted.",
			body:     client.RetrySelection{},
			answers:  []answer{{status: http.StatusOK, doc: "The new jobs' ids.", body: client.Selected{}}},
			refusals: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).retryAll,
		},
		{
			method: http.MethodPatch, path: "/api/v1/jobs/{id}", id: "change-job", tag: "jobs", summary: "Change a pending job", right: service.Run,
			doc:      "A merge patch (RFC 7396), as `application/merge-patch+json` or `application/json`: null takes a value away.",
			body:     client.JobPatch{},
			answers:  []answer{{status: http.StatusOK, doc: "The job as it is then.", body: client.Job{}}},
			refusals: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).amend,
		},
		{
			method: http.MethodDelete, path: "/api/v1/jobs/{id}", id: "delete-job", tag: "jobs", summary: "Delete a job that ended", right: service.Admin,
			doc:      "With its attempts, nodes, events, log and run folders. What the run saved by its catalog stays.",
			answers:  []answer{{status: http.StatusNoContent, doc: "It is gone."}},
			refusals: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).remove,
		},
		{
			method: http.MethodPost, path: "/api/v1/jobs/{id}/retry", id: "retry-job", tag: "jobs", summary: "Submit a job that ended once more", right: service.Run,
			doc: "A new job with the fields of the old one, and those of the body over them; `run_at` and `expires_at` are not taken over. " +
				"It is judged as a submission. The old job stays as it is.",
			headers: []header{{"Idempotency-Key", "Makes a repetition give the first retry; at most 255 bytes, kept as long as that job."}},
			body:    client.Retry{}, optional: true,
			answers: []answer{
				{status: http.StatusCreated, doc: "The new job, accepted.", body: client.Job{}, headers: []header{location}},
				{status: http.StatusOK, doc: "The first retry of this Idempotency-Key.", body: client.Job{}, headers: []header{location}},
			},
			refusals: []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge},
			serve:    (*api).retry,
		},
		{
			method: http.MethodGet, path: "/api/v1/stats", id: "get-stats", tag: "jobs", summary: "Count jobs by status, pipeline and reason", right: service.Read,
			doc:     "Those that were created within the window. It counts the newest 100,000 at most, and says so.",
			query:   []param{{name: "window", pattern: "^([1-9][0-9]{0,7}[smhdw])?$", doc: "How far back: 90m, 24h, 7d, at most 366d; 24h unless given."}},
			answers: []answer{{status: http.StatusOK, doc: "The counts.", body: client.Stats{}}},
			serve:   (*api).stats,
		},
	}
}
