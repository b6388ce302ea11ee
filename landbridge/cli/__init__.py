"""The commands of starter.py. Each module is imported when its command is called, so that help is fast."""
