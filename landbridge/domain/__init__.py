"""The domain: the guide's rules, without Temporal, network or file access."""
