"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.app.imports import importing

with importing():
    import sinegan.sweep.worker  # noqa: F401
    from sinegan.engine.programs import preload

    preload()
