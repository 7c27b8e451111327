"""The command line, and what Hydra calls: only here, and in the plugins, Hydra is imported."""
