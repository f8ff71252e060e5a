"""Engines: domain objects in, domain objects out; one file per engine. Must not know replicas or wire formats."""
