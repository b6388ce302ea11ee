"""Thin verbs over ports, run by Temporal."""
