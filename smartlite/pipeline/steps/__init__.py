"""What runs each kind of step, over Protocols. Must not know engines, codecs, stores or HTTP clients."""
