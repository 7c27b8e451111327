"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.loading import loading

with loading():
    import sinegan.sweep.execute

    # Of `sinegan.main`, which each worker runs as Python makes it do, all but itself.
    import sinegan.task  # noqa: F401
