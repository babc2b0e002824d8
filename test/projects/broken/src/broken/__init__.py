"""A project whose registry can't be imported."""
