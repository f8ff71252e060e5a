"""Which speaker and language of a Coqui model a request means. Must not know torch, text or speech."""

from collections.abc import Sequence
from dataclasses import dataclass

from smartlite.domain.language_tags import read_tag
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.errors import ConfigurationError, InvalidRequest, VoiceNotFound


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who speaks, in the model's own words."""

    speaker: str | None
    """None where the model has one speaker without a name."""
    language: str
    """One of the model's languages; empty where it has none."""


class Voices:
    """The voices of a model: the catalog's where it has some, else the model's own speakers."""

    def __init__(
        self, files: ModelFiles, options: CoquiOptions, speakers: Sequence[str], languages: Sequence[str]
    ) -> None:
        """Match the catalog's voices with the model's speakers.

        Raises:
            ConfigurationError: A voice of the catalog is no speaker of a model that has several.
        """
        self._files = files
        self._options = options
        self._speakers = tuple(speakers)
        self._languages = tuple(languages)
        for voice in files.voices:
            self._speaker(voice.id)
        own = tuple(voice.id for voice in files.voices)
        self.known = own or (*speakers, *options.speakers, *options.speaker_wav) or (files.id,)
        for tag in (options.language,):
            if tag is not None and len(languages) > 1 and _match(tag, languages) is None:
                raise ConfigurationError(f"The model speaks {', '.join(languages)}, not '{tag}'.", "language")

    def listed(self, language: str) -> tuple[Voice, ...]:
        """Every voice: the catalog's where it has some, else the model's speakers, each in all of its languages.

        Args:
            language: Of a model that does not say.
        """
        languages = tuple(_known_tag(each) for each in self._languages) or (language,)
        if self._options.language is not None and len(languages) > 1:
            first = _known_tag(_match(self._options.language, self._languages) or self._languages[0])
            languages = tuple(dict.fromkeys((first, *languages)))
        own = tuple(Voice(name, name.strip(), languages[0], languages=languages) for name in self.known)
        return self._files.voices or own

    def choose(self, options: SynthesizeOptions) -> Chosen:
        """Find the speaker and the language of a request.

        Raises:
            VoiceNotFound: 400, with the voices there are.
            InvalidRequest: 400, the model does not speak the language asked for.
        """
        if options.voice not in self.known:
            shown = ", ".join(self.known[:20]) + (", ..." if len(self.known) > 20 else "")
            raise VoiceNotFound(
                f"The voice '{options.voice[:64]}' does not exist. Voices of '{self._files.id}': {shown}.", "voice"
            )
        return Chosen(self._speaker(options.voice), self._language(options))

    def _speaker(self, voice: str) -> str | None:
        if voice in self._options.speaker_wav:
            return voice
        if len(self._speakers) < 2:
            return self._speakers[0] if self._speakers else None
        name = self._options.speakers.get(voice, voice)
        if name not in self._speakers:
            shown = ", ".join(self._speakers[:20]) + (", ..." if len(self._speakers) > 20 else "")
            raise ConfigurationError(
                f"The voice '{voice}' of '{self._files.id}' is no speaker of the model. Speakers: {shown}.", "speakers"
            )
        return name

    def _language(self, options: SynthesizeOptions) -> str:
        if len(self._languages) < 2:
            return self._languages[0] if self._languages else ""
        if options.language is not None:
            if (asked := _match(options.language, self._languages)) is None:
                raise InvalidRequest(
                    f"The model '{self._files.id}' does not speak '{options.language[:32]}'. It speaks: "
                    f"{', '.join(self._languages)}.",
                    "language",
                )
            return asked
        voice: Voice | None = next((each for each in self._files.voices if each.id == options.voice), None)
        for tag in (voice.language if voice else None, self._options.language):
            if tag is not None and (found := _match(tag, self._languages)) is not None:
                return found
        return self._languages[0]


def _known_tag(language: str) -> str:
    """The library's name of a language as a BCP 47 tag: ``zh-cn`` is ``zh-CN``."""
    return read_tag(language) or language


def _match(tag: str, languages: Sequence[str]) -> str | None:
    """The model's language for a BCP 47 tag: the same, or the first of the same primary language."""
    folded = tag.replace("_", "-").casefold()
    for language in languages:
        if language.casefold() == folded:
            return language
    primary = folded.partition("-")[0]
    return next((each for each in languages if each.casefold().partition("-")[0] == primary), None)
