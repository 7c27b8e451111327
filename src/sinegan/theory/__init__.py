"""Theorems and published facts as checks of a sweep, expected next to measured; a module for each check."""
