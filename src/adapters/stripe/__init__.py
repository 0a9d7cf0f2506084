"""Stripe: its client, its webhooks, and the translation of its words into ours. Knows no other adapter."""
