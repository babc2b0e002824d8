"""What schemathesis must know of a service whose answers may take a minute, or never end. None of it hides an answer."""

import json
import os
from urllib.parse import urlencode

import schemathesis
from schemathesis.transport import requests as transport

ROLE = os.environ["ROLE"]
OWN_KEY = os.environ.get("OWN_KEY_ID")

STREAM_SILENCE = 0.1  # seconds
LONGEST_WAIT = 0.05  # seconds
REFRESHES = 3

# A stream that is silent for so long has been seen; the time limit of a request, which schemathesis takes otherwise, must be
# long enough for a busy machine. (No hook reaches the socket, and the version is pinned.)
whole_stream = transport._iter_event_stream


def until_silent(response):
    response.raw.connection.sock.settimeout(STREAM_SILENCE)
    return whole_stream(response)


transport._iter_event_stream = until_silent


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """The document says of streams and lines only that they are text; what it has schemas of is held against these."""
    def event(data):
        fields = {"event": {"type": "string"}, "id": {"type": "string"}, "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data}}
        return {"type": "object", "required": ["event", "id", "data"], "properties": fields}

    def one(name, kind):
        return {"type": "object", "required": [name], "properties": {name: {"type": kind}}, "additionalProperties": False}

    lines = {"$ref": "#/components/schemas/LogLine"}
    of_jobs = event({"$ref": "#/components/schemas/EventData"})
    of_log = event({"anyOf": [one("text", "string"), one("bytes", "integer"), lines]})
    for item in raw_schema["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if "text/event-stream" in content:
                    content["text/event-stream"]["schema"] = of_log if operation["operationId"] == "get-job-logs" else of_jobs
                if "application/x-ndjson" in content:
                    content["application/x-ndjson"]["schema"] = {"type": "array", "items": lines}
            if ROLE == "nobody":  # before the first key nothing is asked for
                operation.pop("security", None)


@schemathesis.hook
def filter_query(context, query):
    """A request's head of more than 64 KiB is answered by Go's own server, 431 in plain text, and the connection is reset: no call of ours sees it."""
    return len(urlencode(query or {}, doseq=True)) < 60_000


@schemathesis.deserializer("application/x-ndjson")
def lines(context, response):
    return [json.loads(line) for line in response.content.splitlines()]


refreshes = 0


@schemathesis.hook
def before_call(context, case, kwargs):
    global refreshes
    query = case.query or {}
    wait = query.get("wait")
    if isinstance(wait, (int, float)) and not isinstance(wait, bool) and LONGEST_WAIT < wait <= 60:
        query["wait"] = LONGEST_WAIT  # nothing runs here, so that it would be waited for in vain
    operation = case.operation.definition.raw["operationId"]
    # Each imports the project, a second of computing: after the first few only what is refused goes through.
    if operation == "refresh-pipelines" and case.meta is not None and case.meta.generation.mode.is_positive and ROLE != "viewer":
        refreshes += 1
        if refreshes > REFRESHES:
            query["project"] = ["not-there"]
            case.query = query
    # Else all that follows would be 401, and seen as right.
    if operation == "revoke-key" and OWN_KEY and (case.path_parameters or {}).get("id") == OWN_KEY:
        case.path_parameters["id"] = "not-there"
    call_nobody(case.body)


def call_nobody(value):
    """No job's end is to be told to a host that chance has named: nothing of ours may call it, and this one is refused."""
    if isinstance(value, dict):
        if isinstance(value.get("callback_url"), str) and value["callback_url"].startswith("http"):
            value["callback_url"] = "http://127.0.0.1:9/"
        value = value.values()
    if isinstance(value, (list, type({}.values()))):
        for item in value:
            call_nobody(item)
