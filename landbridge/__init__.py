"""Moves the people of an Opsgenie account to an Atlassian site, durably, on Temporal."""
