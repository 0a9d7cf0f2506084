"""Whole lives of payments, from checkout to their end, against the sandbox's Stripe."""
