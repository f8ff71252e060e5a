"""Organisations with members, and what is shared with whom. As the code reads and writes them; ``migrations`` makes them."""
