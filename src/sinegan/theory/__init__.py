"""What theory and the literature say of a sweep, beside what was found: a module a check."""
