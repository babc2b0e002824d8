"""Pipelines, in one module: none has a folder of its own."""

from kedro.pipeline import Node, Pipeline

from . import nodes


def one(name, func, inputs, outputs, **more):
    return Pipeline([Node(func, inputs, outputs, name=name, **more)])


def register_pipelines():
    pipelines = {
        "sum": Pipeline(
            [
                Node(nodes.numbers, "params:count", "values", name="make", tags=["first"]),
                Node(nodes.total, "values", "total", name="add", tags=["second"]),
            ]
        ),
        "echo": one("echo", nodes.echo, "parameters", "echoed"),
        "fail": one("fail", nodes.fail, "params:message", "never"),
        "sleep": one("sleep", nodes.sleep, "params:seconds", "slept"),
        "stubborn": one("stubborn", nodes.stubborn, ["params:seconds", "params:pid_path"], "slept"),
        "quit": one("quit", nodes.quit_process, "params:code", "never"),
        "kill": one("kill", nodes.kill_itself, "params:signal", "never"),
        "segfault": one("segfault", nodes.segfault, None, "never"),
        "memory": one("memory", nodes.out_of_memory, None, "never"),
        "missing_module": one("missing_module", nodes.import_missing, None, "never"),
        "noise": one("noise", nodes.noise, ["params:lines", "params:width"], "printed"),
        "boxed": one("boxed", nodes.boxed_error, None, "never"),
        "chained": one("chained", nodes.chained, None, "never"),
        "unsaveable": one("unsaveable", nodes.numbers, "params:count", "unsaveable"),
        "no_input": one("no_input", nodes.identity, "not_there", "never"),
        "versioned": Pipeline(
            [
                Node(nodes.numbers, "params:count", "values", name="make"),
                Node(nodes.total, "values", "kept_versions", name="keep"),
                Node(nodes.identity, "kept_versions", "plain_file", name="copy"),
            ]
        ),
        "later_failure": Pipeline(
            [
                Node(nodes.numbers, "params:count", "plain_file", name="make"),
                Node(nodes.identity, "plain_file", "again", name="pass_on"),
                Node(nodes.fail_with, ["params:message", "again"], "never", name="break"),
                Node(nodes.total, "never", "total", name="after"),
            ]
        ),
        "nothing": Pipeline([]),
    }
    pipelines["both"] = pipelines["sum"] + pipelines["sleep"]
    pipelines["__default__"] = pipelines["sum"]
    return pipelines
