#!/bin/sh
# Creates the namespace and the search attributes of landbridge/domain/searchable.py. TEMPORAL_NAMESPACE comes from the
# environment, the address too or from a profile in temporal.toml.
set -eu

: "${TEMPORAL_NAMESPACE:?Name the namespace to prepare, also where a profile has it: TEMPORAL_NAMESPACE=default}"

retention=${TEMPORAL_RETENTION:-30d}

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"

# The server takes some seconds to hear of a new namespace.
patience=30
until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; do
  patience=$((patience - 1))
  if [ "$patience" -eq 0 ]; then
    echo "The namespace $TEMPORAL_NAMESPACE does not come up." >&2
    exit 1
  fi
  sleep 1
done

attribute() {
  temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
}

attribute OpsgenieAccount Keyword
attribute MigrationStep Keyword
attribute MigrationDeadline Datetime
attribute MigrationPaused Bool
attribute PeopleTotal Int
attribute PeopleWaiting Int
attribute PeopleConnected Int
attribute PeopleByState Keyword
