"""Implementations of the ports in `domain.ports`: adapters for external services and files."""
