"""The settings of pipelines, runs and what is told of them, which are part of all. Must not know who uses them."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import NoDecode

from smartlite.file_settings import FileSettings


class JobSettings(FileSettings):
    """Limits of pipelines, conversations, webhooks."""

    conversation_context_tokens: Annotated[int, Field(ge=256)] = 2048
    """Context of one request of a language model whose engine does not say it, in tokens: what a conversation is
    trimmed to."""
    pipeline_runs_per_replica: Annotated[int, Field(ge=0, le=100)] = 4
    """Runs of pipelines that one pipeline replica works on at the same time; 0: none."""
    pipeline_max_queued: Annotated[int, Field(ge=1)] = 1000
    """Runs that may wait; the next gets 429."""
    pipeline_max_queued_per_user: Annotated[int, Field(ge=1)] = 100
    """Runs of one user that may wait; the next gets 429."""
    pipeline_max_audio_duration_s: Annotated[float, Field(gt=0)] = 7200.0
    """Longest recording that a step converts or splits, in seconds."""
    pipeline_max_media_bytes: Annotated[int, Field(ge=1024)] = 256 * 1024 * 1024
    """Largest file that a step converts or splits, in bytes."""
    pipeline_http_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Hosts that steps may ask over HTTP, comma-separated: ``api.example.com`` at its public addresses, ``*`` every
    host at public ones, ``name:port`` wherever that is, also in this network; none: such steps fail."""
    runs_keep_days: Annotated[int, Field(ge=0)] = 30
    """Days that runs stay after their end, with their media, and batches; 0: for ever. One that was replayed
    stays as long as the replay."""
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ("*",)
    """Hosts that webhooks may be sent to, comma-separated: ``*`` every host at its public addresses, by https alone;
    ``name`` this one, likewise; ``name:port`` wherever that is, also in this network and over http; none: nowhere."""
    webhook_log_days: Annotated[int, Field(ge=4)] = 30
    """Days that the log of deliveries is kept; the last attempt of one is made in its third."""
    otlp_endpoint: str = ""
    """Address of an OpenTelemetry collector that takes OTLP over HTTP in JSON, such as ``http://127.0.0.1:4318``: runs
    that ended are told as spans; empty: they are not."""
