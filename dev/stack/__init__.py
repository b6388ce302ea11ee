"""The local stack: every process that a migration needs, on this machine."""
