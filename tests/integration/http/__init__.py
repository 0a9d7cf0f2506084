"""The HTTP application over real databases."""
