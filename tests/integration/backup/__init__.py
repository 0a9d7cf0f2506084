"""The database is lost, and restored from a backup that was taken in the midst of purchases."""
