"""The Telegram bot: the gate, the commands, and the messages that we send. aiogram; knows no other adapter."""
