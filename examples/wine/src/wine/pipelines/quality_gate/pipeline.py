from kedro.pipeline import Node, Pipeline

from ..preparation.nodes import fetch
from . import nodes


def create_pipeline(**kwargs) -> Pipeline:
    return Pipeline(
        [
            Node(fetch, None, "gate_wines", name="fetch_for_gate"),
            Node(nodes.count, "gate_wines", "gate_counts", name="count"),
            Node(nodes.check, ["gate_counts", "params:quality_gate"], "gate_result", name="check"),
        ]
    )
