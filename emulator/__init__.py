"""A local stand-in for the parts of the Opsgenie and Atlassian HTTP APIs that we use."""
