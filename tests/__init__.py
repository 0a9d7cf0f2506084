"""All tests; they mirror `src/`."""
