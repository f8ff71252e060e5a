"""Limits and budgets of single subjects. As the code reads and writes them; ``migrations`` makes them."""
