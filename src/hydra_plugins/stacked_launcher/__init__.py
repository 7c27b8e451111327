"""A Hydra launcher for task functions that can take all jobs of a sweep at once."""
