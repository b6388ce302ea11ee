"""Atlassian's organization, directory and invitation APIs."""
