"""Search attributes, by which Temporal finds and counts workflows without a worker.

They are not encrypted, so they never contain personal data.
"""

KINDS = {
    "OpsgenieAccount": "Keyword",
    "MigrationStep": "Keyword",
    "MigrationDeadline": "Datetime",
    "MigrationPaused": "Bool",
    "PeopleTotal": "Int",
    "PeopleWaiting": "Int",
    "PeopleConnected": "Int",
    "PeopleByState": "Keyword",
}
"""Name and type of each search attribute to register. A Temporal server on SQL allows at most three of type Int."""
