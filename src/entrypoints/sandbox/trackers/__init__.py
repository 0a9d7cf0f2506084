"""Receivers for Meta's Conversions API and MobiSлон on loopback. See `trackers.Trackers`."""

from entrypoints.sandbox.trackers.trackers import Hit, TrackerKind, Trackers

__all__ = ["Hit", "TrackerKind", "Trackers"]
