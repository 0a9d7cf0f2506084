"""What a stranger, a customer or a broken far side may send: no crash, no 5xx, no access."""
