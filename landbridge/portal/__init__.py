"""The web pages: those behind mailed links, and those for owners and admins."""
