"""Load: when requests are sent, how they are sent, and what became of them."""
