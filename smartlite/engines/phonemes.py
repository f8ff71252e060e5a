"""Phonemes from espeak-ng, started as a program (its GPL does not reach across a process), a call per sentence.

Must not know models or their ids.
"""

import re
import shutil
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from smartlite.engines.child_process import ChildProcess, run_program
from smartlite.errors import ConfigurationError, EngineFailed

PROGRAM: Final = "espeak-ng"
INSTALL_COMMAND: Final = "apt-get install espeak-ng"

_VOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,63}")
# espeak-ng marks where a word is read by another language's rules: (en)word(de).
_LANGUAGE_SWITCH = re.compile(r"\([a-z]{2,4}(?:-[a-z0-9-]+)?\)")
# A paragraph of its own between two clauses, as phoneme mnemonics: no text can hold it, clean_text takes brackets out.
_SEPARATOR: Final = "\n\n[[Z Z Z Z Z Z Z]]\n\n"
_SEPARATOR_IPA: Final = "ʒ ʒ ʒ ʒ ʒ ʒ ʒ"
_CALLS_AT_ONCE: Final = 4


class EspeakNG:
    """One espeak-ng voice.

    Measured on 2 cores (espeak-ng 1.51): 18 ms a call, for one clause as for eight, nearly all of it the program's
    start; so all clauses of a sentence travel in one call.
    """

    def __init__(self, voice: str, timeout_s: float = 5.0, program: str = PROGRAM) -> None:
        """Remember the voice; nothing is started.

        Args:
            voice: As ``espeak-ng --voices`` names it, such as ``en-us``.
            timeout_s: Longest time for one call.
            program: Name or path of the program.
        """
        self._voice = voice
        self._timeout_s = timeout_s
        self._program = program
        self._executor = ThreadPoolExecutor(max_workers=_CALLS_AT_ONCE, thread_name_prefix="espeak-ng")

    def start(self) -> None:
        """Check that the program is there and knows the voice. Blocks.

        Raises:
            ConfigurationError: It is not, or does not.
        """
        if not _VOICE.fullmatch(self._voice):
            raise ConfigurationError(f"'{self._voice}' is not the name of an espeak-ng voice.", "espeak.voice")
        if shutil.which(self._program) is None:
            raise ConfigurationError(
                f"The program {self._program} is not installed; speech synthesis needs it for phonemes. "
                f"Install it with: {INSTALL_COMMAND}"
            )
        try:
            self._call("a")
        except EngineFailed as error:
            raise ConfigurationError(
                f"{self._program} does not speak with the voice '{self._voice}': {error.message}", "espeak.voice"
            ) from error

    async def phonemize(self, clauses: Sequence[str]) -> list[str]:
        """Phonemes of each clause, in the order of the clauses; empty where a clause has none.

        Args:
            clauses: Cleaned texts (``smartlite.engines.clauses``) without the marks that end them.

        Returns:
            IPA with stress marks in NFD, words separated by a space.

        Raises:
            EngineFailed: The program failed or took longer than the limit.
        """
        if not clauses:
            return []
        phonemes = self._parse(await self._run(_SEPARATOR.join(clauses)), len(clauses))
        if phonemes is None:  # never seen; then the clauses go one by one rather than to the wrong mark
            return [(self._parse(await self._run(clause), 1) or [""])[0] for clause in clauses]
        return phonemes

    def phonemize_one(self, clause: str) -> str:
        """Phonemes of one clause. Blocks; for where no event loop runs.

        Raises:
            EngineFailed: As ``phonemize``.
        """
        return (self._parse(self._call(clause), 1) or [""])[0]

    def close(self) -> None:
        """End the threads; a running call ends by itself within its limit."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, text: str) -> str:
        return _decoded(await run_program(self._executor, self._command(), _encoded(text), self._timeout_s))

    def _call(self, text: str) -> str:
        return _decoded(ChildProcess().run(self._command(), _encoded(text), self._timeout_s))

    def _command(self) -> list[str]:
        # Text goes in by standard input only, so it can never be an option. SSML needs -m, which is not given.
        return [self._program, "-q", "--ipa", "-b", "1", "-v", self._voice, "--stdin"]

    def _parse(self, output: str, clauses: int) -> list[str] | None:
        lines = (line.strip() for line in output.splitlines())
        parts = "\n".join(line for line in lines if line).split(_SEPARATOR_IPA)
        if len(parts) != clauses:
            return None
        return [unicodedata.normalize("NFD", " ".join(_LANGUAGE_SWITCH.sub("", part).split())) for part in parts]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "ignore")


def _decoded(output: bytes) -> str:
    return output.decode("utf-8", "replace")
