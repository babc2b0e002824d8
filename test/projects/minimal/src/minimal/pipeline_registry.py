"""Pipelines, in one module: none has a folder of its own."""

from kedro.pipeline import Pipeline, node

from . import nodes


def one(name, func, inputs, outputs, **more):
    return Pipeline([node(func, inputs, outputs, name=name, **more)])


def register_pipelines():
    pipelines = {
        "sum": Pipeline(
            [
                node(nodes.numbers, "params:count", "values", name="make", tags=["first"]),
                node(nodes.total, "values", "total", name="add", tags=["second"]),
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
                node(nodes.numbers, "params:count", "values", name="make"),
                node(nodes.total, "values", "kept_versions", name="keep"),
                node(nodes.identity, "kept_versions", "plain_file", name="copy"),
            ]
        ),
        "later_failure": Pipeline(
            [
                node(nodes.numbers, "params:count", "plain_file", name="make"),
                node(nodes.identity, "plain_file", "again", name="pass_on"),
                node(nodes.fail_with, ["params:message", "again"], "never", name="break"),
                node(nodes.total, "never", "total", name="after"),
            ]
        ),
        "nothing": Pipeline([]),
    }
    pipelines["both"] = pipelines["sum"] + pipelines["sleep"]
    pipelines["__default__"] = pipelines["sum"]
    return pipelines
