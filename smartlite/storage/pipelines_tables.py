"""Pipelines and their versions. As the code reads and writes them; ``migrations`` makes them."""
