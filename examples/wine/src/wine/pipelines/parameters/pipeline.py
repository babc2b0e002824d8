"""Writes the parameters it got to a file: what was sent must be what arrives."""

from kedro.pipeline import Node, Pipeline


def keep(experiment: dict) -> dict:
    return experiment


def create_pipeline(**kwargs) -> Pipeline:
    return Pipeline([Node(keep, "params:experiment", "experiment_seen", name="keep")])
