"""An emulator of the parts of the Opsgenie and Atlassian HTTP APIs that Landbridge uses.

It keeps its state in one SQLite file and imports no code of Landbridge. Demo, tests and production use the same API
clients with different base URLs.
"""
