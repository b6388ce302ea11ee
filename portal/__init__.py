"""The web pages behind mailed links."""
