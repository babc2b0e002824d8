"""A project whose registry holds a sum of pipelines that has no folder of its own."""
