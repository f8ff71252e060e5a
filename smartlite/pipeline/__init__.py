"""Pipelines over the stages: must see Protocols only, never engines, storage or codecs."""
