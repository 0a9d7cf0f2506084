"""What is scraped, and what is made of it: alert rules and the dashboard."""
