"""Thin adapters between the core's ports and the world: a folder per technology; none imports another but `i18n`."""
