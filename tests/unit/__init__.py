"""Tests that need no process, no network and no database."""
