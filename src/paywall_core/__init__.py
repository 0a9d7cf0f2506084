"""The core of a paywall: who has paid, and therefore who gets in. Needs only the standard library and msgspec."""
