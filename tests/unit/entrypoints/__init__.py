"""Settings, logs, the container, the worker."""
