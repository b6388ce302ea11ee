"""The client for running migrations, used by the command line, the portal and the worker's activities."""
