"""The gateway on a Unix socket, in a process of its own, as an ingress replica has it but for Ray: a recording is
offered to whoever decodes it, fetched over a connection, and thrown away. Run with the socket and a folder."""

import asyncio
import dataclasses
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import uvicorn

from deployments.offers import OfferedAudio, Offers
from smartlite.config import Settings
from smartlite.domain.asr import Segment, TranscribeRequest, TranscriptEvent, TranscriptFinished, TranscriptInfo
from tests.api.keyed import a_keyed_gateway
from tests.conftest import make_services


class FetchingASR:
    """Tells how many bytes it fetched."""

    def __init__(self) -> None:
        self._offers = Offers("127.0.0.1")

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        async with self._offers.offered(request.audio) as audio:
            count = audio.size_bytes
            if isinstance(audio, OfferedAudio):
                reader, writer = await asyncio.open_connection(audio.host, audio.port)
                writer.write(audio.secret)
                count = 0
                while piece := await reader.read(65536):
                    count += len(piece)
                writer.close()
        yield TranscriptInfo("en", 1.0, 1.0)
        yield Segment(0, 0.0, 1.0, f" {count}")
        yield TranscriptFinished(0.0, 0.0)


async def main(path: str, folder: str) -> None:
    settings = Settings(
        data_dir=Path(folder), allowed_hosts=("*",), max_upload_bytes=128 * 1024 * 1024, max_audio_duration_s=3600
    )
    async with a_keyed_gateway(Path(folder)) as keyed:
        app = keyed.app(dataclasses.replace(make_services(settings, {}), asr=FetchingASR()))
        await uvicorn.Server(uvicorn.Config(app, uds=path, log_level="warning", lifespan="off")).serve()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
