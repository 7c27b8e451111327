"""The rules of a game: targets, networks, losses, penalties, optimisers. No files, no Hydra."""
