"""Tuning: tries the numbers of ``serve_config.yaml`` on this machine and recommends some."""
