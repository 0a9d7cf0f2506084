"""The parts of the SQL adapter that need no database."""
