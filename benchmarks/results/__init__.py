"""What a run leaves: a folder with tables and plots."""
