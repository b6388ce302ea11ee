"""The same job done by Landbridge and by what others would use, side by side on one machine: `make bench`.

The job: an Atlassian account over HTTP for each of N people, a mail over SMTP to each, one click from outside for each,
until everyone is completed, with nothing lost when a process is killed.
"""
