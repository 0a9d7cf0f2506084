"""The pages that a customer sees: choose and pay, thank you, changed your mind."""
