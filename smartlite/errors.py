"""The one error tree of the platform: a class is a docstring, a status code and a code.

Must not know who raises or who renders. The tree::

    SmartLiteError                      500 internal_error
    ├── InvalidRequest                  400 invalid_value
    │   ├── InvalidJSON                 400 invalid_json
    │   ├── InvalidMultipart            400 multipart_invalid
    │   ├── MissingParameter            400 missing_required_parameter
    │   ├── InvalidType                 400 invalid_type
    │   ├── UnsupportedParameter        400 unsupported_parameter
    │   ├── TextEmpty                   400 text_empty
    │   ├── TextTooLong                 400 string_above_max_length
    │   ├── ContextLengthExceeded       400 context_length_exceeded
    │   ├── VoiceNotFound               400 voice_not_found
    │   └── AudioEmpty                  400 audio_empty
    ├── OriginNotAllowed                403 origin_not_allowed
    ├── HostNotAllowed                  421 host_not_allowed
    ├── NotFound                        404 not_found
    │   └── ModelNotFound               404 model_not_found
    ├── MethodNotAllowed                405 method_not_allowed
    ├── RequestTooLarge                 413 request_too_large
    │   ├── AudioTooLong                413 audio_too_long
    │   └── AudioTooLarge               413 audio_too_large
    ├── UnsupportedMediaType            415 unsupported_media_type
    ├── Unprocessable                   422 unprocessable
    │   ├── AudioInvalid                422 audio_invalid
    │   ├── AudioNotFinite              422 audio_not_finite
    │   ├── SampleRateUnsupported       422 sample_rate_unsupported
    │   ├── ChannelsUnsupported         422 channels_unsupported
    │   └── NoSpeech                    422 no_speech
    ├── Overloaded                      429 server_overloaded
    ├── Unavailable                     503 service_unavailable
    │   ├── ModelNotReady               503 model_not_ready
    │   └── ReplicaLost                 503 replica_lost
    ├── DeadlineExceeded                504 deadline_exceeded
    ├── EngineFailed                    500 engine_failed
    ├── ConfigurationError              500 configuration_error
    └── ModelStoreError                 500 model_store_error
        ├── ChecksumMismatch            500 checksum_mismatch
        └── SourceUnavailable           500 source_unavailable
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


class InvalidRequest(SmartLiteError):
    """A field has a value that is not allowed."""

    status_code = 400
    code = "invalid_value"
    type = "invalid_request_error"


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


class OriginNotAllowed(SmartLiteError):
    """A web page of this origin may not make its visitor's browser call the gateway."""

    status_code = 403
    code = "origin_not_allowed"
    type = "invalid_request_error"


class HostNotAllowed(SmartLiteError):
    """The gateway does not answer to the name in the Host header."""

    status_code = 421
    code = "host_not_allowed"
    type = "invalid_request_error"


class NotFound(SmartLiteError):
    """There is nothing at this address."""

    status_code = 404
    code = "not_found"
    type = "invalid_request_error"


class ModelNotFound(NotFound):
    """No served model has this name, or it does another task."""

    code = "model_not_found"


class MethodNotAllowed(SmartLiteError):
    """The route exists, the method does not."""

    status_code = 405
    code = "method_not_allowed"
    type = "invalid_request_error"


class RequestTooLarge(SmartLiteError):
    """The body is larger than the limit."""

    status_code = 413
    code = "request_too_large"
    type = "invalid_request_error"


class AudioTooLong(RequestTooLarge):
    """The audio lasts longer than the limit."""

    code = "audio_too_long"


class AudioTooLarge(RequestTooLarge):
    """The audio would need more memory than the limit once decoded."""

    code = "audio_too_large"


class UnsupportedMediaType(SmartLiteError):
    """The content is of a kind that this route does not take."""

    status_code = 415
    code = "unsupported_media_type"
    type = "invalid_request_error"


class Unprocessable(SmartLiteError):
    """The request is well formed, its content cannot be processed."""

    status_code = 422
    code = "unprocessable"
    type = "invalid_request_error"


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
