from kedro.pipeline import Pipeline, node


def value():
    return "first"


def create_pipeline(**kwargs):
    return Pipeline([node(value, None, "first", name="first")])
