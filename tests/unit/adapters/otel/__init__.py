"""The spans around what the product does."""
