"""What was secret in a whole run is nowhere in what stays behind: neither in the logs nor in the database."""
