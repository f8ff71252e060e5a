"""Runs of pipelines: steps, attempts, events. As the code reads and writes them; ``migrations`` makes them."""
