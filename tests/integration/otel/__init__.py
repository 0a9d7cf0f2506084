"""Traces of orders, as a collector gets them."""
