"""Three nodes in a row, and one that fails."""

from kedro.pipeline import Pipeline, node


def start():
    return 1


def double(x):
    return 2 * x


def fail(x):
    raise ValueError("no luck")


def register_pipelines():
    chain = Pipeline([node(start, None, "a", name="start"), node(double, "a", "b", name="double"), node(double, "b", "c")])
    return {"__default__": chain, "fail": chain + Pipeline([node(fail, "c", "d", name="fail")])}
