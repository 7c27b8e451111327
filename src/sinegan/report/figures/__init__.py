"""All pictures of a report."""
