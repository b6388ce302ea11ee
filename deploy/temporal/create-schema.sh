#!/bin/sh
# Creates or upgrades the schemas of Temporal's two databases. Set SQL_PASSWORD.
set -eu

for database in temporal temporal_visibility; do
  folder=${database#temporal_}
  tool() {
    temporal-sql-tool --plugin postgres12 --ep postgresql -p 5432 -u temporal --db "$database" "$@"
  }
  # Fails if the database exists; without a database the next steps fail.
  tool create || echo "Database $database exists already."
  tool setup-schema -v 0.0
  tool update-schema -d "/etc/temporal/schema/postgresql/v12/$folder/versioned"
done
