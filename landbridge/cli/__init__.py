"""The commands of starter.py. Each is imported when it is called, so that help is there at once."""
