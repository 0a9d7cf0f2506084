"""Tests of the workshop itself: contracts, pins, what the tree may name."""
