"""Our Stripe adapters, with the real SDK, against the sandbox's Stripe."""
