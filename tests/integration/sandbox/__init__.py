"""The outside world on loopback."""
