"""What Landbridge knows: the guide's rules, without Temporal, networks or files."""
