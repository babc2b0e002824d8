"""Half a minute of work, step by step, so that there is progress to watch."""

import logging
import time

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

log = logging.getLogger(__name__)


def evaluate_depth(train_set: pd.DataFrame, tuning: dict, depth: int) -> dict:
    """Scores one depth, and takes as long as tuning.seconds_per_step says."""
    end = time.monotonic() + tuning["seconds_per_step"]
    model = RandomForestClassifier(n_estimators=tuning["trees"], max_depth=depth, random_state=0, n_jobs=1)
    scores = cross_val_score(model, train_set.drop(columns="cultivar"), train_set["cultivar"], cv=tuning["folds"])
    log.info("depth %d: accuracy %.3f", depth, scores.mean())
    while (left := end - time.monotonic()) > 0:
        log.info("depth %d: %.0f s left", depth, left)
        time.sleep(min(1.0, left))
    return {"depth": depth, "accuracy": round(float(scores.mean()), 6)}


def choose(*scores: dict) -> dict:
    best = max(scores, key=lambda score: (score["accuracy"], -score["depth"]))
    log.info("depth %d is best", best["depth"])
    return {"best": best, "all": list(scores)}
