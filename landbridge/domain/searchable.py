"""What can be searched and counted in Temporal without asking a worker. Never personal data: it is not encrypted."""

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
"""Name and type of each search attribute, as a server must know them. One on SQL holds at most three of type Int."""
