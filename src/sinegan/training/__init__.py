"""How it is played: one step, many runs in one stack, blocks of steps. Knows no files, no Hydra."""
