"""The connection to Temporal, payload encryption, and workarounds for the SDK."""
