"""Media that steps take and give. Must not know what is in them."""

from smartlite.domain.audio import CONTENT_TYPES, AudioFormat, EncodedAudio
from smartlite.domain.pipelines import JSON, MediaRef
from smartlite.errors import AlreadyExists
from smartlite.pipeline.execution.kinds import StepContext
from smartlite.pipeline.execution.values import media_json, read_media


async def load_audio(context: StepContext, value: JSON) -> EncodedAudio:
    """The bytes of a field.

    Raises:
        InvalidType: 400, it is no media.
        NotFound: 404, there are none, or another tenant's.
    """
    ref = read_media(value, "audio")
    return EncodedAudio(await context.objects.get(ref.key), ref.key.rpartition("/")[2])


async def keep_audio(
    context: StepContext, name: str, data: bytes, audio_format: AudioFormat, duration_s: float
) -> JSON:
    """Keep a file, and give it as a value."""
    ref = MediaRef(
        context.media_key(f"{name}.{audio_format}"), CONTENT_TYPES[audio_format], len(data), round(duration_s, 3)
    )
    try:
        await context.objects.put(ref.key, data)
    except AlreadyExists:
        # Of this attempt, which nobody else is at: a put whose answer was lost.
        return media_json(ref)
    return media_json(ref)
