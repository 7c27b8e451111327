"""Theorems and published facts as checks of a sweep: expected next to found, a module a check."""
