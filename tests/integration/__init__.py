"""Tests over real protocols: databases, HTTP, SMTP, and the sandbox."""
