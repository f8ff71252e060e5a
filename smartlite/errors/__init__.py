"""The one error tree of the platform: a class is a docstring, a status code and a code.

Must not know who raises or who renders. The tree, with the status that each branch answers::

    SmartLiteError                500
    ├── ClientError               400
    │   ├── InvalidRequest        400: InvalidJSON, InvalidMultipart, MissingParameter, InvalidType,
    │   │                              UnsupportedParameter, TextEmpty, TextTooLong, ContextLengthExceeded,
    │   │                              VoiceNotFound, AudioEmpty, AlreadyExists
    │   ├── Unauthorized          401
    │   ├── PermissionDenied      403
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
    ├── Unavailable               503: ModelNotReady, ReplicaLost, DatabaseUnavailable, DatabaseOverloaded
    └── DeadlineExceeded          504
"""

from smartlite.errors.base import SmartLiteError
from smartlite.errors.client import (
    AlreadyExists,
    AudioEmpty,
    AudioInvalid,
    AudioNotFinite,
    AudioTooLarge,
    AudioTooLong,
    ChannelsUnsupported,
    ClientError,
    ContextLengthExceeded,
    HostNotAllowed,
    InvalidJSON,
    InvalidMultipart,
    InvalidRequest,
    InvalidType,
    MethodNotAllowed,
    MissingParameter,
    ModelNotFound,
    NoSpeech,
    NotFound,
    OriginNotAllowed,
    PermissionDenied,
    RequestTooLarge,
    SampleRateUnsupported,
    TextEmpty,
    TextTooLong,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
    UnsupportedParameter,
    VoiceNotFound,
)
from smartlite.errors.server import (
    ChecksumMismatch,
    ConfigurationError,
    DatabaseOverloaded,
    DatabaseUnavailable,
    DeadlineExceeded,
    EngineFailed,
    ModelNotReady,
    ModelStoreError,
    Overloaded,
    ReplicaLost,
    SourceUnavailable,
    Unavailable,
)

__all__ = [
    "AlreadyExists",
    "AudioEmpty",
    "AudioInvalid",
    "AudioNotFinite",
    "AudioTooLarge",
    "AudioTooLong",
    "ChannelsUnsupported",
    "ChecksumMismatch",
    "ClientError",
    "ConfigurationError",
    "ContextLengthExceeded",
    "DatabaseOverloaded",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "EngineFailed",
    "HostNotAllowed",
    "InvalidJSON",
    "InvalidMultipart",
    "InvalidRequest",
    "InvalidType",
    "MethodNotAllowed",
    "MissingParameter",
    "ModelNotFound",
    "ModelNotReady",
    "ModelStoreError",
    "NoSpeech",
    "NotFound",
    "OriginNotAllowed",
    "Overloaded",
    "PermissionDenied",
    "ReplicaLost",
    "RequestTooLarge",
    "SampleRateUnsupported",
    "SmartLiteError",
    "SourceUnavailable",
    "TextEmpty",
    "TextTooLong",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
    "UnsupportedParameter",
    "VoiceNotFound",
]
