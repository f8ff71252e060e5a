"""Replicas: lifecycle, batching, health, calling another replica. Must hold no business rule."""
