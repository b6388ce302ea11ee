"""The search attributes (`domain.searchable`) as SDK keys."""

from temporalio.common import SearchAttributeKey

OPSGENIE_ACCOUNT = SearchAttributeKey.for_keyword("OpsgenieAccount")
MIGRATION_STEP = SearchAttributeKey.for_keyword("MigrationStep")
"""On a migration: the value of `domain.messages.Step`."""
MIGRATION_DEADLINE = SearchAttributeKey.for_datetime("MigrationDeadline")
MIGRATION_PAUSED = SearchAttributeKey.for_bool("MigrationPaused")
"""On a migration and on each cohort: it starts nothing new until an admin resumes it. Each cohort sets it too, since a
cohort may pause alone and reports only a limited number of problems to the migration."""
PEOPLE_TOTAL = SearchAttributeKey.for_int("PeopleTotal")
"""Everyone in the cohort. This and the following attributes are set on cohorts."""
PEOPLE_WAITING = SearchAttributeKey.for_int("PeopleWaiting")
"""People who are not settled."""
PEOPLE_CONNECTED = SearchAttributeKey.for_int("PeopleConnected")
PEOPLE_BY_STATE = SearchAttributeKey.for_keyword("PeopleByState")
"""The number of people in each state, as one keyword (`domain.people.Counts.packed`): a namespace
has too few attributes for a number per state."""
