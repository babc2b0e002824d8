"""Fits a model and says how good it is."""

import logging

import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

log = logging.getLogger(__name__)


def train(train_set: pd.DataFrame, model: dict) -> ClassifierMixin:
    kinds = {
        "forest": lambda options: RandomForestClassifier(n_jobs=1, **options),
        "logistic": lambda options: make_pipeline(StandardScaler(), LogisticRegression(**options)),
    }
    if model["kind"] not in kinds:
        raise ValueError(f"model.kind must be one of {sorted(kinds)}, not {model['kind']!r}")
    estimator = kinds[model["kind"]](model["options"][model["kind"]])
    log.info("fitting a %s on %d wines", model["kind"], len(train_set))
    return estimator.fit(train_set.drop(columns="cultivar"), train_set["cultivar"])


def evaluate(model: ClassifierMixin, test_set: pd.DataFrame) -> tuple[dict, pd.DataFrame]:
    actual = test_set["cultivar"]
    predicted = model.predict(test_set.drop(columns="cultivar"))
    metrics = {
        "accuracy": round(float(accuracy_score(actual, predicted)), 6),
        "f1_macro": round(float(f1_score(actual, predicted, average="macro")), 6),
        "confusion": confusion_matrix(actual, predicted).tolist(),
        "wines": len(test_set),
    }
    log.info("accuracy %.3f", metrics["accuracy"])
    return metrics, pd.DataFrame({"actual": actual, "predicted": predicted})


def summarise(metrics: dict) -> dict:
    """A free output: kedrod shows it as the job's returned value."""
    return {"accuracy": metrics["accuracy"], "good_enough": metrics["accuracy"] >= 0.9}
