"""The user's own data as targets: curves from files and from Python functions."""
