"""A new version is rolled out beside the old one, on one database, under load."""
