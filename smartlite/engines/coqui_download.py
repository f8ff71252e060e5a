"""Has the library download one of the models that it knows, in a process of its own, since it waits without a limit.

Must not load a model. As a program (``python -m smartlite.engines.coqui_download NAME [FOLDER]``) it writes the paths
as one line of JSON.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from smartlite.errors import ConfigurationError, SourceUnavailable

_SAYS: Final = "smartlite-coqui: "


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Where the library put a model."""

    weights: str
    """A file, or the folder of a model that reads itself."""
    config: str | None
    vocoder: str | None = None
    vocoder_config: str | None = None


def download(name: str, folder: Path | None, timeout_s: float) -> Downloaded:
    """Have a model on this disk. Blocks.

    Args:
        name: ``tts_models/LANGUAGE/DATASET/MODEL``.
        folder: None takes the library's own.
        timeout_s: Longest time for all files.

    Raises:
        ConfigurationError: The library has no such model, or its terms have not been agreed to.
        SourceUnavailable: It could not be fetched.
    """
    command = [sys.executable, "-m", "smartlite.engines.coqui_download", name, *([str(folder)] if folder else [])]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable(f"The library did not fetch '{name}' within {timeout_s:g} s.") from error
    for line in done.stdout.splitlines():
        if line.startswith(_SAYS):
            said = json.loads(line.removeprefix(_SAYS))
            if "refused" in said:
                raise ConfigurationError(said["refused"], "model_name")
            return Downloaded(**said)
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    raise SourceUnavailable(f"The library could not fetch '{name}': {lines[-1][-300:]}")


def _fetch(name: str, folder: str | None = None) -> dict[str, object]:
    from TTS.utils.manage import ModelManager

    manager = ModelManager(output_prefix=folder, progress_bar=False)
    item: dict[str, object] = {}
    if "/fairseq/" not in name:
        task, language, dataset, model = name.split("/")
        item = manager.models_dict.get(task, {}).get(language, {}).get(dataset, {}).get(model, {})
        if not item:
            known = ", ".join(each for each in manager.list_tts_models() if each.split("/")[1] == language)
            return {"refused": f"The library knows no model '{name}'. For this language: {known or 'none'}."}
    if not manager.tos_agreed(item, manager.output_prefix / name.replace("/", "--")):
        return {
            "refused": f"'{name}' has terms of its own ({item.get('license')}); if you agree to them, set "
            "COQUI_TOS_AGREED=1 in the environment of the platform."
        }
    weights, config, _ = manager.download_model(name)
    vocoder = vocoder_config = None
    if (vocoder_name := item.get("default_vocoder")) is not None:
        vocoder, vocoder_config, _ = manager.download_model(vocoder_name)
    optional = [None if path is None else str(path) for path in (config, vocoder, vocoder_config)]
    return asdict(Downloaded(str(weights), *optional))


if __name__ == "__main__":
    sys.stdout.write(f"\n{_SAYS}{json.dumps(_fetch(*sys.argv[1:3]))}\n")
