"""SmartLite: the voice-AI library. Knows voice; must not know Ray."""

__version__ = "0.1.0"
