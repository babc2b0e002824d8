"""Fails on purpose with the parameters as they stand: the data is not what the gate asks for."""

import pandas as pd


class DataQualityError(Exception):
    """The data must not be used as it is."""


def count(wines: pd.DataFrame) -> dict:
    return {"rows": len(wines), "strong": int((wines["alcohol"] > 14.0).sum())}


def check(counts: dict, gate: dict) -> dict:
    if counts["strong"] > gate["max_strong"]:
        raise DataQualityError(
            f"{counts['strong']} wines have more than 14 % alcohol, at most {gate['max_strong']} are allowed: "
            "look at raw_wines, or raise quality_gate.max_strong"
        )
    return counts
