"""Loaded by the fork server, for the workers that are forked from it."""

from sinegan.app.imports import importing
from sinegan.engine.torch_private import private

with importing():
    import sinegan.sweep.worker  # noqa: F401

    private("torch._dynamo")
