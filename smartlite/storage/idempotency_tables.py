"""Answers that are kept to be given again. As the code reads and writes them; ``migrations`` makes them."""
