"""A local stand-in for the parts of the Opsgenie and Atlassian HTTP APIs that Landbridge uses.

It keeps everything in one SQLite file and imports nothing of Landbridge: demo, tests and production run the same
connectors with another base URL.
"""
