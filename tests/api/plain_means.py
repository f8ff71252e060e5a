"""What steps of tests work with beside fake stages, and documents of such steps. Must not know any test."""

from collections.abc import Iterable
from typing import Final

from smartlite.domain.asr import Transcript
from smartlite.domain.audio import AudioChunk, AudioFormat, EncodedAudio
from smartlite.errors import HTTPRequestRefused
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest
from tests.conftest import PlainEncoder, WavDecoder

GREETING: Final = """name: greeting
inputs:
  name: {type: string}
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello {{ name }}", vars: {name: "${{ inputs.name }}"}}
outputs:
  text: ${{ steps.greet.output }}
"""
FIXED: Final = """name: fixed
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello"}
"""
"""Takes nothing and needs nobody's right to a model."""
ASSISTED: Final = """name: assisted
inputs:
  question: {type: string}
  model: {type: string, required: false}
steps:
  - id: think
    uses: llm.chat
    with: {prompt: "${{ inputs.question }}", model: %s}
outputs:
  answer: ${{ steps.think.output.text }}
"""
"""A model's name is missing in it."""
CHANGED_DOCUMENT: Final = {
    "name": "fixed",
    "steps": [{"id": "greet", "uses": "text.template", "with": {"template": "Hello again"}}],
}


class PlainCodec:
    """WAV in, bare samples out."""

    async def decode(self, data: bytes, sample_rate_hz: int) -> AudioChunk:
        return await WavDecoder().decode(EncodedAudio(data, ""))

    async def encode(self, chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
        encoder = PlainEncoder(audio_format)
        return b"".join(map(encoder.encode, chunks))

    def open_encoder(self, audio_format: AudioFormat) -> PlainEncoder:
        return PlainEncoder(audio_format)


class NoHTTP:
    """Nothing may be asked."""

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        raise HTTPRequestRefused("No host is allowed.")


def no_captions(_: str, transcript: Transcript) -> str:
    return transcript.text
