"""What a process counts and times of itself, and how Prometheus reads it.

Every adapter may import this: it imports none of them. Counting is whole numbers in lists, because it happens at each
request; only who renders a page of them loads Prometheus's client.
"""
