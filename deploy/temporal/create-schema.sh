#!/bin/sh
# Creates or upgrades the schema of Temporal's two databases. SQL_PASSWORD comes from the environment.
set -eu

for database in temporal temporal_visibility; do
  folder=${database#temporal_}
  tool() {
    temporal-sql-tool --plugin postgres12 --ep postgresql -p 5432 -u temporal --db "$database" "$@"
  }
  # Fails where the database exists, which the next steps would notice if it did not.
  tool create || echo "Database $database is there already."
  tool setup-schema -v 0.0
  tool update-schema -d "/etc/temporal/schema/postgresql/v12/$folder/versioned"
done
