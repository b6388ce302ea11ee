"""Read rosters from CSV and JSON files."""
