"""The library behind the workflow: imports go one way only (docs/architecture.md)."""

__version__ = "0.1.0"
