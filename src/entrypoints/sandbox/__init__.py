"""The outside world on loopback: Stripe, Telegram, mail and trackers, for people and for tests.

No product code knows that this package exists; it talks to the product over the real protocols only.
"""
