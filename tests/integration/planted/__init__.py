"""Deliberate defects, and proof that the tests find each of them."""
