"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.app.imports import loading

with loading():
    import sinegan.app.task  # which each worker imports, as Python imports the main module
    import sinegan.sweep.execute  # noqa: F401
