"""The bot against the real API."""
