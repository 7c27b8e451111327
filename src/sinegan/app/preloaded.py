"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.app.imports import importing

with importing():
    # Python imports `sinegan.main` in each worker; the task brings in all that it needs.
    import sinegan.app.task
    import sinegan.sweep.execute  # noqa: F401
