"""From files to tables and pictures. Reads folders only: needs no torch and no running sweep."""
