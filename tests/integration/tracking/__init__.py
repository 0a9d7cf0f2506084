"""The trackers' adapters over real HTTP, against far sides that are as they should be and as they should not."""
