"""How the starter, the portal and the worker's activities talk to running migrations."""
