"""The demo: a complete migration on this machine, with simulated people who read their mail."""
