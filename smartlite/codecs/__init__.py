"""Codecs: bytes to samples behind the audio gate, samples to bytes. Must not know engines or requests."""
