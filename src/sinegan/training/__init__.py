"""Training: one step, many runs in one stack, blocks of steps. No files, no Hydra."""
