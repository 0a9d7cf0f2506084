"""What the core needs from the world, as small protocols by role; `paywall_core.testing` has fakes of them."""
