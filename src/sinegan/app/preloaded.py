"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.app.imports import loading

with loading():
    # Of `sinegan.main`, which each worker runs as Python makes it do, all but itself.
    pass
