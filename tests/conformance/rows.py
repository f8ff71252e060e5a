"""The rows of the conformance matrix: routes, parameters and events of OpenAI's API. Must not know clients."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a client does."""

    id: str
    section: str
    what: str


def _rows(section: str, **rows: str) -> list[Row]:
    return [Row(name, section, what) for name, what in rows.items()]


ROWS: Final[tuple[Row, ...]] = (
    *_rows(
        "Base, errors, headers",
        models_list="`GET /v1/models`",
        models_retrieve="`GET /v1/models/{id}`, by id and by alias",
        models_delete="`DELETE /v1/models/{id}`",
        error_not_found="404 is the client's not-found error with `code` `model_not_found`",
        error_bad_request="400 is the client's bad-request error with `param`",
        error_unprocessable="422 for a file that is damaged audio",
        error_too_large="413 for a file over the limit",
        request_id="`x-request-id` is the answer's request id",
        processing_ms="`openai-processing-ms` and `openai-version`",
        unknown_fields="unknown fields are ignored",
        idempotency_key="`Idempotency-Key` is accepted",
        authentication="401 without a key",
        rate_limit_headers="`x-ratelimit-*` headers",
    ),
    *_rows(
        "Server-sent events",
        stream_ends="the stream ends at `[DONE]`",
        stream_cancelled="a stream that is left is closed, and the next request is answered",
    ),
    *_rows(
        "Chat",
        chat="`POST /v1/chat/completions`",
        chat_usage="`usage` with its details",
        chat_stream="`stream`",
        chat_stream_usage="`stream_options.include_usage`",
        chat_roles="roles developer, system, user, assistant",
        chat_parts="content parts `text`",
        chat_max_tokens="`max_completion_tokens`: `finish_reason` length",
        chat_n="`n`",
        chat_n_stream="`n` with `stream`",
        chat_stop="`stop`",
        chat_seed="`seed`",
        chat_penalties="`presence_penalty`, `frequency_penalty`",
        chat_logit_bias="`logit_bias`",
        chat_logprobs="`logprobs`, `top_logprobs`",
        chat_logprobs_stream="`logprobs` with `stream`",
        chat_json_object="`response_format` json_object",
        chat_json_schema="`response_format` json_schema",
        chat_parse="the client's structured output",
        chat_tools_required="`tools` with `tool_choice` required",
        chat_tools_named="`tool_choice` of one function",
        chat_tools_none="`tool_choice` none",
        chat_tools_auto="`tool_choice` auto, a question that needs no tool",
        chat_tools_parallel="`parallel_tool_calls` false gives one call",
        chat_tools_stream="`tools` with `stream`",
        chat_tools_result="a tool's result is answered (role tool)",
        chat_input_audio="content part `input_audio`",
        chat_audio_answer="`modalities` text and audio",
        chat_audio_stream="`modalities` text and audio with `stream`",
        chat_image="content part `image_url` is refused by a model that cannot see",
    ),
    *_rows(
        "Embeddings",
        embeddings="`POST /v1/embeddings`, as the client asks by default (base64; not in strict mode)",
        embeddings_float="`encoding_format` float",
        embeddings_many="several inputs",
    ),
    *_rows(
        "Responses",
        responses="`POST /v1/responses`",
        responses_items="`input` as items, `instructions`",
        responses_stream="`stream`: events in order",
        responses_incomplete="`max_output_tokens`: incomplete",
        responses_json_schema="`text.format` json_schema",
        responses_tools="`tools`",
        responses_stored="`GET /v1/responses/{id}`",
    ),
    *_rows(
        "Transcriptions",
        transcription_json="`response_format` json with `usage`",
        transcription_text="`response_format` text",
        transcription_srt="`response_format` srt",
        transcription_vtt="`response_format` vtt",
        transcription_verbose="`response_format` verbose_json",
        transcription_words="`timestamp_granularities[]` word and segment",
        transcription_diarized="`response_format` diarized_json",
        transcription_language="`language`",
        transcription_languages="`languages[]`",
        transcription_keywords="`keywords[]`",
        transcription_prompt="`prompt`, `temperature`",
        transcription_logprobs="`include[]` logprobs",
        transcription_chunking_auto="`chunking_strategy` auto",
        transcription_chunking_vad="`chunking_strategy` server_vad",
        transcription_stream="`stream`: `transcript.text.delta`, one `transcript.text.done`",
        transcription_stream_logprobs="`stream` with `include[]` logprobs",
    ),
    *_rows(
        "Translations",
        translation_json="`POST /v1/audio/translations`, json",
        translation_formats="text, srt, vtt",
        translation_verbose="verbose_json",
    ),
    *_rows(
        "Speech",
        speech_mp3="`response_format` mp3, the default",
        speech_formats="opus, aac, flac, wav",
        speech_pcm="pcm: 24 kHz, 16-bit, mono",
        speech_streaming="the body is read while it is made",
        speech_speed="`speed`",
        speech_voices="OpenAI's 13 voice names",
        speech_voice_object="`voice` as an object",
        speech_instructions="`instructions`",
        speech_sse="`stream_format` sse: `speech.audio.delta`, `speech.audio.done` with usage",
        speech_languages="a text in German is spoken in German",
        speech_wrong_voice="an unknown voice is a 400 that lists the voices",
        voices_list="`GET /v1/audio/voices` (extension)",
        voices_create="`POST /v1/audio/voices`",
    ),
)
