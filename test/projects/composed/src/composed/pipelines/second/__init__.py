from kedro.pipeline import Pipeline, node


def value():
    return "second"


def create_pipeline(**kwargs):
    return Pipeline([node(value, None, "second", name="second")])
