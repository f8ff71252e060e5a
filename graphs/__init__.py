"""The map: which replicas exist and who holds whose handle. Must hold no logic but wiring."""
