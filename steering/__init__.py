"""How the command line and the portal talk to a running migration."""
