"""What grows with the number of orders, and what does not."""
