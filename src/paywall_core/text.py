"""What a text from outside may hold, so that every database can store it."""


def is_storable(text: str) -> bool:
    """No control characters (PostgreSQL takes no NUL) and no half of a surrogate pair (UTF-8 has none)."""
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in text)
