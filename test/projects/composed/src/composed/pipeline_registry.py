"""By hand, Kedro 1.5 and later run only the default pipeline of this project."""

from kedro.framework.project import find_pipelines


def register_pipelines():
    pipelines = find_pipelines()
    pipelines["combo"] = pipelines["first"] + pipelines["second"]
    pipelines["__default__"] = pipelines["combo"]
    return pipelines
