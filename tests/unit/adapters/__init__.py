"""Tests of the adapters that need no server of the outside world."""
