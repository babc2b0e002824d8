from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline(**kwargs) -> Pipeline:
    return Pipeline(
        [
            Node(nodes.train, ["train_set", "params:model"], "model", name="train", tags=["model"]),
            Node(nodes.evaluate, ["model", "test_set"], ["metrics", "predictions"], name="evaluate", tags=["model"]),
            Node(nodes.summarise, "metrics", "summary", name="summarise", tags=["model"]),
        ]
    )
