"""Reads rosters from CSV and JSON files."""
