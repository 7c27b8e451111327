"""Estimates, intervals, comparisons, effects and verdicts: numbers, no words."""
