"""Uses the client that openapi-python-client wrote into kedrod_client, as its user would."""

import datetime
import os

from kedrod_client import AuthenticatedClient, Client
from kedrod_client.api.jobs import cancel_job, cancel_jobs, change_job, delete_job, get_job, get_stats, list_jobs, retry_job, submit_job, submit_jobs, validate_job
from kedrod_client.api.keys import create_key, list_keys, revoke_key
from kedrod_client.api.projects import get_pipeline, list_pipelines
from kedrod_client.api.runs import get_job_logs, list_job_nodes
from kedrod_client.api.service import get_health
from kedrod_client.models import (
    Batch, CreatedKey, Health, Job, JobFilter, JobPatch, JobStatus, Labels, NewKey, PageJob, PageKey, PageNode, Parameters, Pipeline,
    PipelineList, Problem, Retry, Role, Selected, Selection, Stats, Submission, Submitted, Validation,
)
from kedrod_client.types import UNSET, Unset

URL = os.environ["KEDROD_URL"]
admin = AuthenticatedClient(base_url=URL, token=os.environ["ADMIN_KEY"], raise_on_unexpected_status=True, timeout=120)
runner = AuthenticatedClient(base_url=URL, token=os.environ["RUNNER_KEY"], raise_on_unexpected_status=True, timeout=120)
nobody = Client(base_url=URL, raise_on_unexpected_status=True)


def a(kind, value):
    """The value, which must be of that kind: these clients answer a problem in place of what was asked for."""
    assert isinstance(value, kind), value
    return value


def ended(job):
    while job.status not in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED):
        job = a(Job, get_job.sync(job.id, client=runner, wait=30))
    return job


# What is there.
assert a(Health, get_health.sync(client=nobody)).status in ("ok", "degraded")
names = [p.name for p in a(PipelineList, list_pipelines.sync(client=runner)).items]
assert "sum" in names, names
assert [n.name for n in a(Pipeline, get_pipeline.sync("sum", client=runner)).node_list] == ["make", "add"]

# Submit, and get with wait.
begun = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
sent = Submission(pipeline_name="sum", parameters=Parameters.from_dict({"count": 5}), labels=Labels.from_dict({"team": "sales"}), user_id="python")
answer = submit_job.sync_detailed(client=runner, body=sent, idempotency_key="python-1")
job = a(Job, answer.parsed)
assert answer.status_code == 201 and answer.headers["Location"].endswith(job.id)
again = submit_job.sync_detailed(client=runner, body=sent, idempotency_key="python-1")
assert again.status_code == 200 and a(Job, again.parsed).id == job.id
job = ended(job)
assert job.status == JobStatus.COMPLETED, job
assert job.submitted_by == "runner" and job.created_at > begun and job.completed_at >= job.started_at
assert job.parameters["count"] == 5 and job.labels["team"] == "sales"
assert [o.dataset for o in job.results.outputs] == ["total"] and job.results.nodes[0].name == "make"
for described in (job, job.results, *job.results.outputs, job.results.code, job.progress):
    assert not described.additional_properties, "the document does not have these fields"
assert job.progress.done == 2 and job.error_message is None
assert [n.status for n in a(PageNode, list_job_nodes.sync(job.id, client=runner)).items] == ["completed", "completed"]

# Its log.
assert "minimal" in a(str, get_job_logs.sync(job.id, client=runner))
assert len(a(str, get_job_logs.sync(job.id, client=runner, tail=1)).splitlines()) == 1

# A batch, the list with paging and filters.
later = begun + datetime.timedelta(days=2)
batch = a(Submitted, submit_jobs.sync(client=runner, body=Batch(items=[
    Submission(pipeline_name="sum", run_at=later, labels=Labels.from_dict({"batch": "python"}), priority=i) for i in range(5)
]))).items
assert [j.priority for j in batch] == list(range(5)) and batch[0].run_at == later
seen, cursor = [], UNSET
while True:
    page = a(PageJob, list_jobs.sync(client=runner, label=["batch:python"], status=[JobStatus.PENDING, JobStatus.RUNNING], limit=2, cursor=cursor,
                                     created_since=begun))
    assert len(page.items) <= 2
    seen += page.items
    if page.next_cursor is None:
        break
    cursor = page.next_cursor
assert [j.id for j in seen] == [j.id for j in reversed(batch)]
assert isinstance(seen[0].parameters, Unset), "lists leave parameters out"
assert a(Stats, get_stats.sync(client=runner, window="1h")).by_pipeline["sum"] >= 6

# Change, cancel, retry.
changed = a(Job, change_job.sync(batch[1].id, client=runner, body=JobPatch(priority=9)))
assert changed.priority == 9 and changed.run_at == later
assert a(Job, cancel_job.sync(batch[0].id, client=runner)).status == JobStatus.CANCELLED
rest = JobFilter(label=["batch:python"], status=[JobStatus.PENDING])
refused = a(Problem, cancel_jobs.sync(client=runner, body=Selection(filter_=rest, expect=1)))
assert (refused.status, refused.code) == (409, "conflict")
assert a(Selected, cancel_jobs.sync(client=runner, body=Selection(filter_=rest, expect=4))).count == 4
retried = a(Job, retry_job.sync(batch[0].id, client=runner, body=Retry(run_at=later)))
assert retried.retry_of == batch[0].id and a(Job, cancel_job.sync(retried.id, client=runner)).status == JobStatus.CANCELLED

# Refusals are decoded.
refused = a(Problem, submit_job.sync(client=runner, body=Submission(pipeline_name="smu")))
assert (refused.status, refused.code, refused.errors[0].field) == (422, "unknown_pipeline", "pipeline_name"), refused
judged = a(Validation, validate_job.sync(client=runner, body=Submission(pipeline_name="smu")))
assert not judged.valid and judged.code == "unknown_pipeline"
assert a(Problem, get_job.sync("not-there", client=runner)).code == "not_found"
failed = ended(a(Job, submit_job.sync(client=runner, body=Submission(pipeline_name="fail"))))
assert (failed.status, failed.reason) == (JobStatus.FAILED, "pipeline_error") and "on purpose" in failed.error_message

# Keys, each a bearer.
assert a(Problem, list_jobs.sync(client=nobody)).code == "unauthenticated"
assert a(Problem, list_keys.sync(client=runner)).code == "forbidden"
assert a(Problem, delete_job.sync(failed.id, client=runner)).code == "forbidden"
assert delete_job.sync_detailed(failed.id, client=admin).status_code == 204
made = a(CreatedKey, create_key.sync(client=admin, body=NewKey(name="python-viewer", role=Role.VIEWER)))
viewer = AuthenticatedClient(base_url=URL, token=made.key)
assert a(PageJob, list_jobs.sync(client=viewer, limit=1)).items
assert a(Problem, submit_job.sync(client=viewer, body=sent)).code == "forbidden"
assert made.id in [k.id for k in a(PageKey, list_keys.sync(client=admin)).items]
assert revoke_key.sync(made.id, client=admin).revoked_at is not None
assert a(Problem, list_jobs.sync(client=viewer)).code == "unauthenticated"
print("all steps done")
