"""What every process of Landbridge shares: settings, logs, the connection to Temporal, a clean end."""
