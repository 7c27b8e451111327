"""The referee's findings in words and tables."""
