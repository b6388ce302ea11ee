"""The activities: thin methods over the domain's ports."""
