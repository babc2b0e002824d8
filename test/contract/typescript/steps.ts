// Uses the types that openapi-typescript wrote into kedrod.d.ts, as their user would.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./kedrod.js";

type Job = components["schemas"]["Job"];
type Problem = components["schemas"]["Problem"];
type EventData = components["schemas"]["EventData"];

function variable(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

const baseUrl = variable("KEDROD_URL");
const as = (key: string) => createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const admin = as(variable("ADMIN_KEY"));
const runner = as(variable("RUNNER_KEY"));
const nobody = createClient<paths>({ baseUrl });

interface Answer<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

// What was asked for; a problem is an error here.
async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error } = await call;
  assert(data !== undefined, JSON.stringify(error));
  return data;
}

// The problem that a call was refused with; it is typed by the document.
async function refused(call: Promise<{ error?: Problem | components["schemas"]["Health"]; response: Response }>): Promise<Problem> {
  const { error, response } = await call;
  assert(error && "code" in error, `not refused: ${response.status}`);
  assert.equal(error.status, response.status);
  return error;
}

async function ended(job: Job): Promise<Job> {
  while (!["completed", "failed", "cancelled"].includes(job.status)) {
    job = await ok(runner.GET("/api/v1/jobs/{id}", { params: { path: { id: job.id }, query: { wait: 30 } } }));
  }
  return job;
}

// What is there.
assert((await ok(nobody.GET("/api/v1/health"))).version);
assert((await ok(runner.GET("/api/v1/pipelines"))).items.some((p) => p.name === "sum"));

// Submit, and get with wait.
const body: components["schemas"]["Submission"] = { pipeline_name: "sum", parameters: { count: 5 }, labels: { team: "sales" }, user_id: "typescript" };
const header = { "Idempotency-Key": "typescript-1" };
const first = await runner.POST("/api/v1/jobs", { body, params: { header } });
assert.equal(first.response.status, 201);
assert(first.data);
const again = await runner.POST("/api/v1/jobs", { body, params: { header } });
assert.equal(again.response.status, 200);
assert.equal(again.data?.id, first.data.id);
const job = await ended(first.data);
assert.equal(job.status, "completed", JSON.stringify(job));
assert.equal(job.submitted_by, "runner");
assert.equal(job.parameters?.["count"], 5);
assert.equal(job.results?.outputs[0]?.dataset, "total");
assert.equal(job.progress?.done, 2);

// Its log, and its events to the end.
const path = { id: job.id };
const log: string = await ok(runner.GET("/api/v1/jobs/{id}/logs", { params: { path }, parseAs: "text" }));
assert(log.includes("minimal"));
async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: EventData }> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [event, data] = [field("event"), field("data")];
      if (event && data) yield { event, data: JSON.parse(data) as EventData };
    }
  }
}
const stream = await ok(runner.GET("/api/v1/jobs/{id}/events", { params: { path }, parseAs: "stream" }));
assert(stream);
const seen: string[] = [];
for await (const { event, data } of events(stream)) {
  assert.equal(data.job_id, job.id);
  seen.push(`${event} ${data.status ?? data.done}`);
}
assert.equal(seen[0], "status pending");
assert(seen.includes("node completed"));
assert.equal(seen.at(-1), "end completed");

// A batch, the list with paging and filters.
const later = new Date(Date.now() + 2 * 24 * 3600 * 1000).toISOString();
const items = [0, 1, 2, 3, 4].map((priority) => ({ pipeline_name: "sum", run_at: later, labels: { batch: "typescript" }, priority }));
const batch = (await ok(runner.POST("/api/v1/jobs/batch", { body: { items } }))).items;
assert.equal(batch.length, 5);
const listed: Job[] = [];
for (let cursor: string | null = null, more = true; more; more = cursor !== null) {
  const query: paths["/api/v1/jobs"]["get"]["parameters"]["query"] = { label: ["batch:typescript"], status: ["pending", "running"], limit: 2, ...(cursor ? { cursor } : {}) };
  const page: components["schemas"]["PageJob"] = await ok(runner.GET("/api/v1/jobs", { params: { query } }));
  assert(page.items.length <= 2);
  listed.push(...page.items);
  cursor = page.next_cursor;
}
assert.deepEqual(listed.map((j) => j.id), batch.map((j) => j.id).reverse());

// Change and cancel.
const [one, two] = batch;
assert(one && two);
assert.equal((await ok(runner.PATCH("/api/v1/jobs/{id}", { params: { path: { id: two.id } }, body: { priority: 9, labels: { batch: "typescript" } } }))).priority, 9);
assert.equal((await ok(runner.POST("/api/v1/jobs/{id}/cancel", { params: { path: { id: one.id } } }))).status, "cancelled");
const filter = { label: ["batch:typescript"], status: ["pending" as const] };
assert.equal((await refused(runner.POST("/api/v1/jobs/cancel", { body: { filter, expect: 1 } }))).code, "conflict");
assert.equal((await ok(runner.POST("/api/v1/jobs/cancel", { body: { filter, expect: 4 } }))).count, 4);
const retried = await ok(runner.POST("/api/v1/jobs/{id}/retry", { params: { path: { id: one.id } }, body: { run_at: later } }));
assert.equal(retried.retry_of, one.id);

// Refusals are decoded.
const problem = await refused(runner.POST("/api/v1/jobs", { body: { pipeline_name: "smu" } }));
assert.equal(problem.status, 422);
assert.equal(problem.code, "unknown_pipeline");
assert.equal(problem.errors?.[0]?.field, "pipeline_name");
const failed = await ended(await ok(runner.POST("/api/v1/jobs", { body: { pipeline_name: "fail" } })));
assert.equal(failed.reason, "pipeline_error");

// Keys, each a bearer.
assert.equal((await refused(nobody.GET("/api/v1/jobs"))).code, "unauthenticated");
assert.equal((await refused(runner.GET("/api/v1/keys"))).code, "forbidden");
const made = await ok(admin.POST("/api/v1/keys", { body: { name: "typescript-viewer", role: "viewer" } }));
const viewer = as(made.key);
assert.equal((await ok(viewer.GET("/api/v1/jobs", { params: { query: { limit: 1 } } }))).items.length, 1);
assert.equal((await refused(viewer.POST("/api/v1/jobs", { body }))).code, "forbidden");
assert((await ok(admin.DELETE("/api/v1/keys/{id}", { params: { path: { id: made.id } } }))).revoked_at);
assert.equal((await refused(viewer.GET("/api/v1/jobs"))).code, "unauthenticated");
const gone = await admin.DELETE("/api/v1/jobs/{id}", { params: { path: { id: failed.id } } });
assert.equal(gone.response.status, 204);
console.log("all steps done");
