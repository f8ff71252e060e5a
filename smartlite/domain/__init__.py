"""The words of the field as frozen dataclasses: numpy and the standard library, no I/O."""
