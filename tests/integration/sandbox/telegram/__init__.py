"""The sandbox's Telegram, with a real aiogram on the other side."""
