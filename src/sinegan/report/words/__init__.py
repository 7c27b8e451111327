"""The referee's verdicts as sentences, and its numbers as tables."""
