from kedro.pipeline import Node, Pipeline

from . import nodes


def create_pipeline(**kwargs) -> Pipeline:
    return Pipeline(
        [
            Node(nodes.fetch, None, "raw_wines", name="fetch", tags=["data"]),
            Node(nodes.clean, ["raw_wines", "params:bounds"], "clean_wines", name="clean", tags=["data"]),
            Node(nodes.add_features, "clean_wines", "model_input", name="add_features", tags=["data", "features"]),
            Node(nodes.split, ["model_input", "params:split"], ["train_set", "test_set"], name="split", tags=["features"]),
        ]
    )
