"""Recorded human speech and what is said in it: telephone prompts of Debian packages, installed where they are missing.

Must not know engines. The recordings are CC-BY-SA and stay where the system's package manager puts them.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smartlite.errors import ConfigurationError

_SOUNDS: Final = Path("/usr/share/asterisk/sounds")
_FOLDERS: Final = {"en": "en_US_f_Allison", "fr": "fr_CA_f_June", "es": "es_MX_f_Allison", "it": "it_IT_m_Carlo"}
_INSTALL_TIMEOUT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Recording:
    """A prompt."""

    language: str
    """ISO-639-1 code."""
    path: Path
    words: str


def recordings(language: str) -> list[Recording]:
    """All prompts of a language whose words are known.

    Raises:
        ConfigurationError: They are not installed and cannot be.
    """
    folder = _SOUNDS / _FOLDERS[language]
    if not folder.is_dir():
        _install(f"asterisk-core-sounds-{language}-wav")
    found = []
    table = Path(__file__).with_name("recordings.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            its_language, name, words = line.split("\t")
            if its_language == language:
                found.append(Recording(language, folder / f"{name}.wav", words))
    return found


def _install(package: str) -> None:
    if shutil.which("apt-get") is None:
        raise ConfigurationError(f"The package {package} is needed, and this system has no apt-get.")
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        done = subprocess.run(
            [*root, "apt-get", *command],
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise ConfigurationError(f"Could not install {package}: {done.stderr.strip()[-300:]}")
