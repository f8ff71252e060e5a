"""Clients and grants of OAuth 2.0, and accounts of other providers. As the code reads and writes them; ``migrations`` makes them."""
