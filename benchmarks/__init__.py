"""Compares Landbridge with other workflow engines: all do the same job on the same machine (`make bench`).

The job for N people: create an Atlassian account over HTTP for each, send each a mail over SMTP, and wait until each
has clicked the link. Nothing may be lost when a process is killed.
"""
