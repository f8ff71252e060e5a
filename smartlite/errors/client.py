"""What is wrong with a request: statuses 400 to 428. Must not know who raises or who renders."""

from smartlite.errors.base import SmartLiteError


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


class AlreadyExists(InvalidRequest):
    """Something else has the value that must be its own; 400 and not 409, which official clients send again."""

    code = "already_exists"


class InvalidGrant(InvalidRequest):
    """The refresh token is not good any more: sign in again. The word is OAuth's (RFC 6749, section 5.2)."""

    code = "invalid_grant"


class Unauthorized(ClientError):
    """No credential was sent, or none that is valid."""

    status_code = 401
    code = "invalid_api_key"


class OrganizationMismatch(Unauthorized):
    """The header OpenAI-Organization names one that this credential does not act for."""

    code = "mismatched_organization"


class SignInRefused(Unauthorized):
    """There is no such user, or it is another password; which of them nobody is told."""

    code = "invalid_credentials"


class PermissionDenied(ClientError):
    """The credential is valid and does not grant this."""

    status_code = 403
    code = "insufficient_scope"


class OriginNotAllowed(ClientError):
    """A web page of this origin may not make its visitor's browser call the gateway."""

    status_code = 403
    code = "origin_not_allowed"


class RangeNotSatisfiable(ClientError):
    """None of the bytes that the header Range asks for are there."""

    status_code = 416
    code = "range_not_satisfiable"


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


class LastOwner(ClientError):
    """An organisation keeps at least one owner."""

    status_code = 409
    code = "last_owner"


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


class PasswordRefused(Unprocessable):
    """This cannot become a password: too short, too long, or guessed first."""

    code = "password_refused"


class InvalidIdempotencyKey(InvalidRequest):
    """The header Idempotency-Key is none: 1 to 255 visible ASCII characters, once."""

    code = "invalid_idempotency_key"


class IdempotencyInProgress(ClientError):
    """A request with this Idempotency-Key is still running; sent again later, it gets that one's answer."""

    status_code = 409
    code = "idempotency_in_progress"
    retry_after_s = 1


class IdempotencyKeyReused(Unprocessable):
    """This Idempotency-Key came with another request before."""

    code = "idempotency_key_reused"
