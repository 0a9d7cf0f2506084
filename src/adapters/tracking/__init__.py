"""Trackers: MobiSлон, who hears how far a click has come, and Meta, who hears of events. Knows no other adapter."""
