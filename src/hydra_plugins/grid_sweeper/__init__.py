"""A Hydra sweeper for grids with zipped keys, left-out combinations and sub-grids."""
