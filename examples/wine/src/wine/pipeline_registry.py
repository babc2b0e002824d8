"""The project's pipelines: one for each folder below pipelines/."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

MAIN = ("preparation", "training", "reporting")


def register_pipelines() -> dict[str, Pipeline]:
    pipelines = find_pipelines()
    # Kedro 1.5 and later find only the pipeline asked for, so none may be taken for granted here.
    pipelines["__default__"] = sum((pipelines[name] for name in MAIN if name in pipelines), Pipeline([]))
    return pipelines
