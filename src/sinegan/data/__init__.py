"""The user's own data as targets: files of curves, read and understood."""
