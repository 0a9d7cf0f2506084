"""Mail over SMTP: the access e-mail and the one-time code."""
