"""The words of the product, by language."""
