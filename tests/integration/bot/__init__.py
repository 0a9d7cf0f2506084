"""The bot over real connections: a Bot API, an API of ours, Valkey, all on loopback."""
