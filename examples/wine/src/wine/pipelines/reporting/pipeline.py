from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline(**kwargs) -> Pipeline:
    return Pipeline(
        [
            Node(nodes.by_cultivar, "model_input", "averages", name="average"),
            Node(nodes.report, ["metrics", "averages", "params:report.title"], "report", name="report"),
        ]
    )
