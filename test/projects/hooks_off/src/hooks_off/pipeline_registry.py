"""Three nodes in a row, and one that fails."""

from kedro.pipeline import Node, Pipeline


def start():
    return 1


def double(x):
    return 2 * x


def fail(x):
    raise ValueError("no luck")


def register_pipelines():
    chain = Pipeline([Node(start, None, "a", name="start"), Node(double, "a", "b", name="double"), Node(double, "b", "c")])
    return {"__default__": chain, "fail": chain + Pipeline([Node(fail, "c", "d", name="fail")])}
