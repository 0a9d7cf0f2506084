"""The production kit of deploy/: image, compose, systemd units, Kubernetes manifests and proxy, without an engine."""
