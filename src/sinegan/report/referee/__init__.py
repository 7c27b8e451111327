"""What the runs support: values, intervals, comparisons, effects. Numbers only."""
