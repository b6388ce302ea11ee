"""Sends mail through the configured SMTP server."""
