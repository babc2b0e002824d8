"""What a person reads."""

import pandas as pd


def by_cultivar(wines: pd.DataFrame) -> pd.DataFrame:
    return wines.groupby("cultivar").mean(numeric_only=True).round(4).reset_index()


def report(metrics: dict, averages: pd.DataFrame, title: str) -> str:
    lines = [f"# {title}", "", f"Accuracy {metrics['accuracy']:.3f} on {metrics['wines']} wines.", "", "| cultivar | alcohol | proline |", "|---|---|---|"]
    for row in averages.itertuples():
        lines.append(f"| {row.cultivar} | {row.alcohol:.2f} | {row.proline:.0f} |")
    return "\n".join(lines) + "\n"
