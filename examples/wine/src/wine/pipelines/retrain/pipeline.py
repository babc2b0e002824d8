"""Composed of two others: a new model, and the report on it."""

from kedro.pipeline import Pipeline

from .. import reporting, training


def create_pipeline(**kwargs) -> Pipeline:
    return training.create_pipeline() + reporting.create_pipeline()
