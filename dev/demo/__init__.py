"""A whole migration before one's eyes, on this machine, with people who read their mail."""
