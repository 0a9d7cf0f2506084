"""The console: one page that shows the product and the outside world side by side, with buttons for trouble."""
