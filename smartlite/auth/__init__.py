"""Who asks and what they may do: keys, roles, decisions. Must not know HTTP, tables or models' engines."""
