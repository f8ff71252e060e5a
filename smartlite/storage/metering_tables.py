"""What was used and what happened: history, usage, and how far journals were read. As the code reads and writes them; ``migrations`` makes them."""
