"""What is played: targets, networks and losses. Knows nothing of files or of Hydra."""
