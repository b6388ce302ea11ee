"""Shared by all processes of Landbridge: settings, logs, the connection to Temporal, and exit codes."""
