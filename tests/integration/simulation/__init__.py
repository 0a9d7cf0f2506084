"""Deterministic simulation: whole deployments and the world around them, each history from one seed."""
