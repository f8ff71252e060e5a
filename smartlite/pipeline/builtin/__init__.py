"""The pipelines that come with the platform, as documents. Must not know how they are offered or run."""

from collections.abc import Mapping
from importlib import resources
from typing import Final

NAMES: Final = ("voice-assistant", "interpreter", "meeting-notes", "read-aloud", "captions")


def builtin_documents() -> Mapping[str, str]:
    """The text of each, by its name."""
    folder = resources.files("smartlite.pipeline.builtin")
    return {name: folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in NAMES}
