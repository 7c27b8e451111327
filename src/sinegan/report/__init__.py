"""Makes tables, sentences and pictures from the files of a sweep: needs no torch and no running sweep."""
