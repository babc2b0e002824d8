"""Which cultivar is a wine from? An example project for kedrod."""

__version__ = "0.1.0"
