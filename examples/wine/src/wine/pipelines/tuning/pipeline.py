from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from . import nodes

DEPTHS = (1, 2, 3, 4, 6, 8)


def _at(depth: int):
    return update_wrapper(partial(nodes.evaluate_depth, depth=depth), nodes.evaluate_depth)


def create_pipeline(**kwargs) -> Pipeline:
    steps = [
        Node(_at(depth), ["train_set", "params:tuning"], f"score_{depth}", name=f"depth_{depth}", tags=["slow"])
        for depth in DEPTHS
    ]
    return Pipeline([*steps, Node(nodes.choose, [f"score_{depth}" for depth in DEPTHS], "tuning_result", name="choose")])
