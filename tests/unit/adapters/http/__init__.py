"""Tests of the HTTP adapter's pure parts."""
