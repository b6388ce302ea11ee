"""The search attributes (`domain.searchable`) as the SDK takes them."""

from temporalio.common import SearchAttributeKey

OPSGENIE_ACCOUNT = SearchAttributeKey.for_keyword("OpsgenieAccount")
MIGRATION_STEP = SearchAttributeKey.for_keyword("MigrationStep")
"""On a migration: the value of `domain.messages.Step`."""
MIGRATION_DEADLINE = SearchAttributeKey.for_datetime("MigrationDeadline")
MIGRATION_PAUSED = SearchAttributeKey.for_bool("MigrationPaused")
"""On a migration and on each cohort: it starts nothing new until somebody resumes it. Cohorts say it themselves, since
one may pause alone, and a migration hears of only so many troubles of each."""
PEOPLE_TOTAL = SearchAttributeKey.for_int("PeopleTotal")
"""On a cohort, like those below: everyone it looks after."""
PEOPLE_WAITING = SearchAttributeKey.for_int("PeopleWaiting")
"""Not settled, whoever they wait for."""
PEOPLE_CONNECTED = SearchAttributeKey.for_int("PeopleConnected")
PEOPLE_BY_STATE = SearchAttributeKey.for_keyword("PeopleByState")
"""All of them in one word, see `domain.people.Counts.packed`: there is no room for a number each."""
