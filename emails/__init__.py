"""One folder for each email: subject, text and HTML."""
