"""Trains configurations: from runs to shards, on any executor, to result files."""
