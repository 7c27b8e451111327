"""How a run stands: the words that training, result files and reports share."""

RUNNING = "running"
"""In a stack: its end has not come. No file has this status."""
FINISHED = "finished"
"""All of its steps are done."""
STOPPED = "stopped"
"""Its discriminator came within `stop_tolerance` of 1/2."""
DIVERGED = "diverged"
"""A loss or a metric was not finite."""
FAILED = "failed"
"""Its training raised an exception, or its worker died. A resume tries it again."""
UNFINISHED = "unfinished"
"""In the files: its end has not come. A resume trains the rest."""

ENDED_WELL = (FINISHED, STOPPED)
"""The statuses of runs that have a result to compare."""
