"""Parts of the bot that need neither Telegram nor the API."""
