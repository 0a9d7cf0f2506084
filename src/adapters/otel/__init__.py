"""OpenTelemetry: what happens to an order, told to a collector as one trace."""
