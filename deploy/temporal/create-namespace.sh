#!/bin/sh
# Creates the namespace and the search attributes in landbridge/domain/searchable.py. Set TEMPORAL_NAMESPACE; the
# address comes from TEMPORAL_ADDRESS or from a profile in temporal.toml.
set -eu

: "${TEMPORAL_NAMESPACE:?Set the namespace, even if a profile has it: TEMPORAL_NAMESPACE=default}"

retention=${TEMPORAL_RETENTION:-30d}

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$retention"

# A new namespace takes some seconds to become available.
tries=30
until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo "The namespace $TEMPORAL_NAMESPACE is still not available after 30 seconds." >&2
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
