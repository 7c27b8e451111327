"""From configurations to shards to files."""
