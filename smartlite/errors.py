"""The one error tree of the platform: a class is a docstring, a status code and a code.

Must not know who raises or who renders. The tree, with the status that each branch answers::

    SmartLiteError                500
    ├── ClientError               400
    │   ├── InvalidRequest        400: InvalidJSON, InvalidMultipart, MissingParameter, InvalidType,
    │   │                              UnsupportedParameter, TextEmpty, TextTooLong, ContextLengthExceeded,
    │   │                              VoiceNotFound, AudioEmpty
    │   ├── OriginNotAllowed      403
    │   ├── NotFound              404: ModelNotFound
    │   ├── MethodNotAllowed      405
    │   ├── RequestTooLarge       413: AudioTooLong, AudioTooLarge
    │   ├── UnsupportedMediaType  415
    │   ├── HostNotAllowed        421
    │   └── Unprocessable         422: AudioInvalid, AudioNotFinite, SampleRateUnsupported,
    │                                  ChannelsUnsupported, NoSpeech
    ├── Overloaded                429
    ├── EngineFailed              500
    ├── ConfigurationError        500
    ├── ModelStoreError           500: ChecksumMismatch, SourceUnavailable
    ├── Unavailable               503: ModelNotReady, ReplicaLost
    └── DeadlineExceeded          504
"""

from typing import ClassVar


class SmartLiteError(Exception):
    """Something went wrong inside the platform.

    Only the base has a constructor, and it keeps its arguments positional: an exception with another signature does
    not unpickle in another replica and would reach the client as a bare 500.

    Args:
        message: What was wrong, with which value, and what is allowed. Shown to the client.
        param: The request field that was wrong, or None.
    """

    status_code: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "server_error"
    retry_after_s: ClassVar[int | None] = None
    """Seconds after which a repeated request may succeed; None where repeating does not help."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message, param)

    @property
    def message(self) -> str:
        """What the client is told."""
        return str(self.args[0])

    @property
    def param(self) -> str | None:
        """The field that was wrong."""
        return None if self.args[1] is None else str(self.args[1])

    def __str__(self) -> str:
        return self.message


class ClientError(SmartLiteError):
    """The request is at fault; repeated unchanged it fails again."""

    status_code = 400
    code = "bad_request"
    type = "invalid_request_error"


class InvalidRequest(ClientError):
    """A field has a value that is not allowed."""

    code = "invalid_value"


class InvalidJSON(InvalidRequest):
    """The body is not JSON as RFC 8259 and our limits have it."""

    code = "invalid_json"


class InvalidMultipart(InvalidRequest):
    """The body is not the multipart form that the route takes."""

    code = "multipart_invalid"


class MissingParameter(InvalidRequest):
    """A required field is absent."""

    code = "missing_required_parameter"


class InvalidType(InvalidRequest):
    """A field has the wrong type."""

    code = "invalid_type"


class UnsupportedParameter(InvalidRequest):
    """A known field asks for something that this model or version cannot do."""

    code = "unsupported_parameter"


class TextEmpty(InvalidRequest):
    """There is no text to speak or to answer."""

    code = "text_empty"


class TextTooLong(InvalidRequest):
    """The text is longer than the limit."""

    code = "string_above_max_length"


class ContextLengthExceeded(InvalidRequest):
    """Prompt and answer do not fit into the model's context."""

    code = "context_length_exceeded"


class VoiceNotFound(InvalidRequest):
    """No served model has this voice."""

    code = "voice_not_found"


class AudioEmpty(InvalidRequest):
    """The file holds no audio samples."""

    code = "audio_empty"


class OriginNotAllowed(ClientError):
    """A web page of this origin may not make its visitor's browser call the gateway."""

    status_code = 403
    code = "origin_not_allowed"


class HostNotAllowed(ClientError):
    """The gateway does not answer to the name in the Host header."""

    status_code = 421
    code = "host_not_allowed"


class NotFound(ClientError):
    """There is nothing at this address."""

    status_code = 404
    code = "not_found"


class ModelNotFound(NotFound):
    """No served model has this name, or it does another task."""

    code = "model_not_found"


class MethodNotAllowed(ClientError):
    """The route exists, the method does not."""

    status_code = 405
    code = "method_not_allowed"


class RequestTooLarge(ClientError):
    """The body is larger than the limit."""

    status_code = 413
    code = "request_too_large"


class AudioTooLong(RequestTooLarge):
    """The audio lasts longer than the limit."""

    code = "audio_too_long"


class AudioTooLarge(RequestTooLarge):
    """The audio would need more memory than the limit once decoded."""

    code = "audio_too_large"


class UnsupportedMediaType(ClientError):
    """The content is of a kind that this route does not take."""

    status_code = 415
    code = "unsupported_media_type"


class Unprocessable(ClientError):
    """The request is well formed, its content cannot be processed."""

    status_code = 422
    code = "unprocessable"


class AudioInvalid(Unprocessable):
    """The audio is damaged or has no audio stream."""

    code = "audio_invalid"


class AudioNotFinite(Unprocessable):
    """The audio holds NaN or infinite samples."""

    code = "audio_not_finite"


class SampleRateUnsupported(Unprocessable):
    """The sample rate is outside the allowed range."""

    code = "sample_rate_unsupported"


class ChannelsUnsupported(Unprocessable):
    """The audio has too many channels."""

    code = "channels_unsupported"


class NoSpeech(Unprocessable):
    """There is no speech to answer."""

    code = "no_speech"


class Overloaded(SmartLiteError):
    """Every replica is busy and the queue is full."""

    status_code = 429
    code = "server_overloaded"
    type = "rate_limit_error"
    retry_after_s = 1


class Unavailable(SmartLiteError):
    """A part of the platform cannot be reached for now."""

    status_code = 503
    code = "service_unavailable"
    retry_after_s = 2


class ModelNotReady(Unavailable):
    """The model is known and not loaded yet."""

    code = "model_not_ready"


class ReplicaLost(Unavailable):
    """The replica that worked on this request ended; the work can be asked for again."""

    code = "replica_lost"
    retry_after_s = 1


class DeadlineExceeded(SmartLiteError):
    """A stage did not answer in time."""

    status_code = 504
    code = "deadline_exceeded"
    retry_after_s = 1


class EngineFailed(SmartLiteError):
    """An engine's library failed on a request that passed every check."""

    code = "engine_failed"


class ConfigurationError(SmartLiteError):
    """A setting, a configuration file or an environment variable is wrong; the platform does not start."""

    code = "configuration_error"


class ModelStoreError(SmartLiteError):
    """A model cannot be fetched, stored or read."""

    code = "model_store_error"


class ChecksumMismatch(ModelStoreError):
    """A file is not the one that the catalog names."""

    code = "checksum_mismatch"


class SourceUnavailable(ModelStoreError):
    """No source of a model could deliver its files."""

    code = "source_unavailable"
