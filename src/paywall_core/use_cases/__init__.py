"""What the product does, a file each: a command, and a class whose docstring is the business rule."""
