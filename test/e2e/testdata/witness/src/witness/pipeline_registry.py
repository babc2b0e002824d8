"""Pipelines, in one module."""

from kedro.pipeline import Pipeline, node

from . import nodes


def writing(dataset):
    """Saves a report at once, then waits."""
    held = ["params:path", "params:gate", "params:seconds", dataset]
    return Pipeline([node(nodes.report, None, dataset, name="make"), node(nodes.diary, held, "held", name="hold")])


def register_pipelines():
    pipelines = {
        "diary": Pipeline([node(nodes.diary, ["params:path", "params:gate", "params:seconds"], "written", name="diary")]),
        "deaf": Pipeline([node(nodes.deaf, ["params:path", "params:gate"], None, name="deaf")]),
        "steps": Pipeline(
            [
                node(nodes.step("first"), "params:path", "one", name="first"),
                node(nodes.step("second"), ["params:path", "one"], "two", name="second"),
                node(nodes.step("third"), ["params:path", "two"], "three", name="third"),
            ]
        ),
        "lines": Pipeline([node(nodes.lines, ["params:path", "params:gate"], "printed", name="lines")]),
        "environment": Pipeline([node(nodes.environment, "params:path", "written", name="environment")]),
        "report": writing("report"),
        "weekly": writing("weekly_report"),
        "patient": writing("report"),
        "exhausted": Pipeline([node(nodes.exhausted, None, "never", name="exhausted")]),
    }
    pipelines["__default__"] = pipelines["diary"]
    return pipelines
