"""How a process talks to Temporal: connection, encryption, and guards around the SDK."""
