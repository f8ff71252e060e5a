"""Models that the library loads itself: checkpoints of any of its architectures, and those that it knows by name.

Must not know requests, voices of the catalog or threads.
"""

import json
import logging
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

from smartlite.engines.coqui_download import download
from smartlite.engines.coqui_files import CoquiFiles, check_hashes, pickles_in, read_config
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.engines.coqui_text import Part, Spoken
from smartlite.engines.coqui_torch import INFERENCE_ERRORS, Run, RunEnded, watch, weights_only
from smartlite.engines.waveform import change_tempo, trim_silence
from smartlite.errors import EngineFailed

_log = logging.getLogger(__name__)

_XTTS_RATE_HZ: Final = 22_050


def load_checkpoint(files: CoquiFiles, vocoder: str | None = None, vocoder_config: str | None = None) -> Any:
    """Let the library load a model on the CPU, weights only.

    Raises:
        Exception: As the library raises; translate with ``coqui_torch.loading``.
    """
    from TTS.utils.synthesizer import Synthesizer

    before = {path: path.stat() for path in files.hashed}
    with tempfile.TemporaryDirectory(prefix="smartlite-coqui-") as folder:
        config = Path(folder, "config.json")
        config.write_text(json.dumps(files.config), encoding="utf-8")
        with weights_only():
            synthesizer = Synthesizer(
                tts_checkpoint=files.weights,
                tts_config_path=config,
                vocoder_checkpoint=vocoder,
                vocoder_config=vocoder_config,
            )
    for path, status in before.items():
        if path.stat().st_mtime_ns != status.st_mtime_ns:
            # XTTS rewrites checkpoints of the first format; the next start will ask for the new hash.
            _log.warning("The library has rewritten %s in its new format; accept its new SHA-256", path.name)
    return synthesizer


def load_by_name(name: str, options: CoquiOptions) -> Any:
    """Fetch a model by the library's name, compare every file that could hold code, and load it.

    Raises:
        ConfigurationError: The library does not know it, or a file is not the one that was accepted.
        SourceUnavailable: It could not be fetched.
    """
    found = download(name, options.library_dir, options.download_timeout_s)
    weights = Path(found.weights)
    folder = weights if weights.is_dir() else weights.parent
    folders = [folder] if found.vocoder is None else [folder, Path(found.vocoder).parent]
    hashed = check_hashes(pickles_in(folders), options.sha256)
    # A fairseq model has a configuration of another kind, which the library reads itself.
    config = read_config(Path(found.config), folder) if found.config and "fairseq" not in name else {}
    return load_checkpoint(CoquiFiles(weights, config, hashed), found.vocoder, found.vocoder_config)


class LibraryModel:
    """Any model of the library but VITS. One run at a time, always from the same thread."""

    def __init__(self, synthesizer: Any, device: str) -> None:
        model = synthesizer.tts_model
        synthesizer.use_cuda = device == "cuda"
        synthesizer.eval().requires_grad_(False).to(device)
        self._synthesizer = synthesizer
        self._run = Run()
        watch(synthesizer, self._check)
        self._clones: dict[str, str] = {}
        self.sample_rate_hz = int(synthesizer.output_sample_rate)
        manager = getattr(model, "speaker_manager", None)
        self.speakers: tuple[str, ...] = () if manager is None else tuple(manager.speaker_names)
        languages = getattr(model.config, "languages", None) or model.language_manager.language_names
        self.languages: tuple[str, ...] = tuple(languages)

    def _check(self) -> None:
        self._run.check()

    def clone(self, voice: str, recording: Path) -> None:
        """Learn a speaker from a recording. Blocks."""
        model = self._synthesizer.tts_model
        if model.config.model != "xtts":
            self._clones[voice] = str(recording)
            return
        # Once now, instead of for every sentence; and read here, since the library's way needs FFmpeg's libraries.
        audio = _read_recording(recording, model.config.max_ref_len).to(model.device)
        if model.speaker_manager is None:
            model.speaker_manager = SimpleNamespace(speakers={}, speaker_names=[])
        model.speaker_manager.speakers[voice] = {
            "gpt_conditioning_latents": model.get_gpt_cond_latents(
                audio, _XTTS_RATE_HZ, model.config.gpt_cond_len, model.config.gpt_cond_chunk_len
            ),
            "speaker_embedding": model.get_speaker_embedding(audio, _XTTS_RATE_HZ),
        }

    def speak(self, part: Part, speaker: str | None, language: str, speed: float, run: Run) -> Spoken:
        """Speak a part at a speed. Blocks.

        Raises:
            EngineFailed: 500, the run failed, was ended, or gave numbers that are no audio.
        """
        from TTS.utils.synthesizer import PAD_SILENCE_SAMPLES

        self._run = run
        recording = self._clones.get(speaker or "")
        try:
            made = self._synthesizer.tts(
                text=part.said,
                speaker_name=None if recording else speaker,
                speaker_wav=recording,
                language_name=language or None,
                split_sentences=False,
            )
        except RunEnded as error:
            raise EngineFailed("The run was ended.") from error
        except INFERENCE_ERRORS as error:
            raise EngineFailed(f"The model failed: {' '.join(str(error).split())[:200]}") from error
        samples = np.asarray(made, dtype=np.float32)[:-PAD_SILENCE_SAMPLES]
        if not np.isfinite(samples).all():
            raise EngineFailed("The model gave samples that are not numbers.")
        trimmed = trim_silence(samples, self.sample_rate_hz)
        if speed != 1.0:
            trimmed = change_tempo(trimmed, self.sample_rate_hz, speed)
        return Spoken(trimmed, len(part.said))


def _read_recording(path: Path, longest_s: float) -> Any:
    """A recording as XTTS takes it: shape (1, n), mono, at its rate."""
    import soundfile
    import torch
    from torchaudio.functional import resample

    with soundfile.SoundFile(str(path)) as file:
        samples = file.read(int(longest_s * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
        return resample(torch.from_numpy(samples)[None], file.samplerate, _XTTS_RATE_HZ).clip(-1, 1)
