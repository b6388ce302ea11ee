"""Helpers that the workflows are composed of."""
