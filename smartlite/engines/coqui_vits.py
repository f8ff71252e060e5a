"""Coqui's VITS on torch: a model without what only training needs, and one run from phoneme ids to samples.

Must not know text, catalogs or threads.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from smartlite.engines.coqui_text import Alphabet, Part, Spoken
from smartlite.engines.coqui_torch import INFERENCE_ERRORS, Run, RunEnded, watch
from smartlite.engines.waveform import Samples, change_tempo, trim_silence
from smartlite.errors import ConfigurationError, EngineFailed

_TRAINING_ONLY: Final = ("posterior_encoder.", "duration_predictor.post_", "duration_predictor.flows.1.", "disc.")
"""Weights that no run uses: ``flows.1`` is the spline flow that inference leaves out."""
_SHORTEST: Final = 0.75
"""Least length scale, see ``onnx_vits``: below it speech blurs and hardly gets shorter."""


def load_folded(weights: Path, config: Mapping[str, Any]) -> Any:
    """Build a model of our converter's files: weight norms folded, nothing that only training needs.

    Raises:
        ConfigurationError: The weights are not those of the configuration.
        Exception: As the library raises; translate with ``coqui_torch.loading``.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file
    from TTS.config import register_config
    from TTS.tts.models.vits import Vits

    try:
        state = load_file(weights)
    except SafetensorError as error:
        raise ConfigurationError(f"{weights.name} is no safetensors file: {error}.") from error
    if config["model"] != "vits":
        raise ConfigurationError(f"{weights.name}: only a model 'vits' is read from safetensors.")
    settings = register_config("vits")()
    settings.from_dict(dict(config))
    settings.model_args.init_discriminator = False
    model = Vits(settings)
    fold(model)
    missing, unexpected = model.load_state_dict(state, strict=False)
    if lacking := [name for name in missing if not name.startswith(_TRAINING_ONLY)]:
        raise ConfigurationError(f"{weights.name} lacks {len(lacking)} weights, such as {lacking[0]}.")
    if unexpected:
        raise ConfigurationError(f"{weights.name} has {len(unexpected)} weights too many, such as {unexpected[0]}.")
    return model


def fold(model: Any) -> None:
    """Take the weight norms away, whose product torch would make again on every run: 10 to 15 % on one thread."""
    from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

    for module in model.modules():
        if is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight")


class VitsModel:
    """A loaded model. One run at a time, always from the same thread."""

    def __init__(self, model: Any, device: str, noise_scale: float | None, noise_w: float | None) -> None:
        """Take what was loaded and leave out what only training needs.

        Args:
            model: The library's ``Vits`` on the CPU.
            device: As torch names it.
            noise_scale: None keeps the model's own.
            noise_w: None keeps the model's own.
        """
        from torch import nn

        fold(model)
        model.posterior_encoder = nn.Identity()
        for part in ("post_pre", "post_convs", "post_proj", "post_flows"):
            if hasattr(model.duration_predictor, part):
                setattr(model.duration_predictor, part, nn.Identity())
        if hasattr(model, "disc"):
            del model.disc
        if noise_scale is not None:
            model.inference_noise_scale = noise_scale
        if noise_w is not None:
            model.inference_noise_scale_dp = noise_w
        self._model = model.eval().requires_grad_(False).to(device)
        self._length_scale = float(model.length_scale)
        self._run = Run()
        watch(model, self._check)
        args, audio = model.args, model.config.audio
        self.sample_rate_hz = int(audio.sample_rate)
        ratio = audio.sample_rate / args.encoder_sample_rate if args.encoder_sample_rate else 1
        self._hop_length = int(audio.hop_length * ratio)
        self._clones: dict[str | None, Any] = {}
        self.speakers: tuple[str, ...] = _names(model.speaker_manager)
        self.languages: tuple[str, ...] = tuple(model.language_manager.language_names)

    @property
    def espeak_voice(self) -> str | None:
        """The voice of espeak-ng whose phonemes the model reads; None where it reads something else."""
        phonemizer = self._model.tokenizer.phonemizer
        if phonemizer is None or phonemizer.name() != "espeak":
            return None
        return str(phonemizer.language)

    @property
    def alphabet(self) -> Alphabet:
        """How phonemes become ids."""
        tokenizer = self._model.tokenizer
        characters = tokenizer.characters
        ends = tokenizer.use_eos_bos
        return Alphabet(
            ids={each: characters.char_to_id(each) for each in characters.vocab if len(each) == 1},
            blank=characters.blank_id if tokenizer.add_blank else None,
            start=characters.bos_id if ends else None,
            end=characters.eos_id if ends else None,
        )

    def _check(self) -> None:
        self._run.check()

    def clone(self, voice: str, recording: Path) -> None:
        """Learn a speaker from a recording, for models with a speaker encoder. Blocks."""
        _, d_vector = self._model._get_speaker_id_or_dvector(None, str(recording))
        if d_vector is None:
            raise ConfigurationError("This model clones no voices.", "speaker_wav")
        self._clones[voice] = d_vector

    def speak(self, part: Part, speaker: str | None, language: str, speed: float, run: Run) -> Spoken:
        """Speak a part at a speed. Blocks.

        Raises:
            EngineFailed: 500, the run failed, was ended, or gave numbers that are no audio.
        """
        length = max(_SHORTEST, 1 / speed)
        try:
            ids = part.ids or self._encode(part.said, language)
        except INFERENCE_ERRORS as error:
            raise EngineFailed(f"The model's tokenizer failed: {' '.join(str(error).split())[:200]}") from error
        if not ids:
            return Spoken(np.zeros(0, np.float32), 0)
        samples = self.infer(ids, speaker, language, length, run)
        # Each id's duration is rounded up to frames, half a frame on average whatever the length scale, so what lacks
        # of the speed is made up for after the model. As ``onnx_vits`` does.
        frames = len(samples) / self._hop_length
        rounding = min(0.5 * len(ids), 0.8 * frames)
        natural = (frames - rounding) / length + rounding
        trimmed = trim_silence(samples, self.sample_rate_hz)
        if speed != 1.0:
            trimmed = change_tempo(trimmed, self.sample_rate_hz, frames / (natural / speed))
        return Spoken(trimmed, len(ids))

    def infer(self, ids: Sequence[int], speaker: str | None, language: str, length: float, run: Run) -> Samples:
        """Run the model once. Blocks.

        Args:
            ids: As the model reads them, with start, blanks and end.
            speaker: One of ``speakers`` or a cloned voice; None where it has none.
            language: One of ``languages``.
            length: 2 is half as fast.
            run: Ends this run early when asked.

        Returns:
            Shape (n,), about [-1, 1].
        """
        import torch

        model = self._model
        self._run = run
        model.length_scale = self._length_scale * length
        try:
            if speaker in self._clones:
                speaker_id, d_vector = None, self._clones[speaker]
            else:
                speaker_id, d_vector = model._get_speaker_id_or_dvector(speaker)
            language_id = model._get_language_id(language)
            aux = {
                "speaker_ids": speaker_id,
                "d_vectors": d_vector,
                "language_ids": None if language_id is None else torch.tensor([language_id], device=model.device),
            }
            read = torch.tensor([ids], dtype=torch.long, device=model.device)
            made = model.inference(read, aux_input=aux)["model_outputs"]
            samples: Samples = made.reshape(-1).float().cpu().numpy()
        except RunEnded as error:
            raise EngineFailed("The run was ended.") from error
        except INFERENCE_ERRORS as error:
            raise EngineFailed(f"The model failed: {' '.join(str(error).split())[:200]}") from error
        if not np.isfinite(samples).all():
            raise EngineFailed("The model gave samples that are not numbers.")
        return samples

    def _encode(self, text: str, language: str) -> tuple[int, ...]:
        """Ids of a text by the library's own tokenizer, which may start a program."""
        return tuple(self._model.tokenizer.text_to_ids(text, language=language))


def _names(manager: Any) -> tuple[str, ...]:
    if manager is None:
        return ()
    return tuple(manager.speaker_names) or tuple(manager.embedding_names)
