"""Trackers: who is told of a sale. Knows no other adapter."""
