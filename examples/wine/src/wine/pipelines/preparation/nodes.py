"""From the raw table to what a model can learn from."""

import logging

import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

log = logging.getLogger(__name__)


def fetch() -> pd.DataFrame:
    """The wine table that ships with scikit-learn: 178 wines, 13 measurements, 3 cultivars."""
    table = load_wine(as_frame=True).frame
    log.info("fetched %d wines", len(table))
    return table.rename(columns={"od280/od315_of_diluted_wines": "od280_od315", "target": "cultivar"})


def clean(raw: pd.DataFrame, bounds: dict) -> pd.DataFrame:
    """Leaves out wines whose measurements lie outside of the given bounds."""
    keep = pd.Series(True, index=raw.index)
    for column, (low, high) in bounds.items():
        keep &= raw[column].between(low, high)
    log.info("kept %d of %d wines", keep.sum(), len(raw))
    return raw[keep].reset_index(drop=True)


def add_features(wines: pd.DataFrame) -> pd.DataFrame:
    return wines.assign(
        phenol_balance=wines["flavanoids"] / wines["total_phenols"], strength=wines["alcohol"] * wines["color_intensity"]
    )


def split(wines: pd.DataFrame, options: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    return train_test_split(
        wines, test_size=options["test_size"], random_state=options["random_state"], stratify=wines["cultivar"]
    )
