"""The one error tree of the platform: a class is a docstring, a status code and a code.

Must not know who raises or who renders. The tree, with the status that each branch answers::

    SmartLiteError                500
    ├── ClientError               400
    │   ├── InvalidRequest        400: InvalidJSON, InvalidMultipart, MissingParameter, InvalidType,
    │   │                              UnsupportedParameter, TextEmpty, TextTooLong, ContextLengthExceeded,
    │   │                              VoiceNotFound, AudioEmpty, AlreadyExists, InvalidGrant
    │   ├── Unauthorized          401: SignInRefused
    │   ├── PermissionDenied      403
    │   ├── OriginNotAllowed      403
    │   ├── NotFound              404: ModelNotFound
    │   ├── MethodNotAllowed      405
    │   ├── RequestTooLarge       413: AudioTooLong, AudioTooLarge
    │   ├── UnsupportedMediaType  415
    │   ├── HostNotAllowed        421
    │   └── Unprocessable         422: AudioInvalid, AudioNotFinite, SampleRateUnsupported,
    │                                  ChannelsUnsupported, NoSpeech, PasswordRefused
    ├── Overloaded                429: TooManySignIns
    ├── RateLimited               429: TokensLimited, AudioLimited, CharactersLimited
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
    InvalidGrant,
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
    PasswordRefused,
    PermissionDenied,
    RequestTooLarge,
    SampleRateUnsupported,
    SignInRefused,
    TextEmpty,
    TextTooLong,
    Unauthorized,
    Unprocessable,
    UnsupportedMediaType,
    UnsupportedParameter,
    VoiceNotFound,
)
from smartlite.errors.server import (
    AudioLimited,
    CharactersLimited,
    ChecksumMismatch,
    ConfigurationError,
    DatabaseOverloaded,
    DatabaseUnavailable,
    DeadlineExceeded,
    EngineFailed,
    ModelNotReady,
    ModelStoreError,
    Overloaded,
    RateLimited,
    ReplicaLost,
    SourceUnavailable,
    TokensLimited,
    TooManySignIns,
    Unavailable,
)

__all__ = [
    "AlreadyExists",
    "AudioEmpty",
    "AudioInvalid",
    "AudioLimited",
    "AudioNotFinite",
    "AudioTooLarge",
    "AudioTooLong",
    "ChannelsUnsupported",
    "CharactersLimited",
    "ChecksumMismatch",
    "ClientError",
    "ConfigurationError",
    "ContextLengthExceeded",
    "DatabaseOverloaded",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "EngineFailed",
    "HostNotAllowed",
    "InvalidGrant",
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
    "PasswordRefused",
    "PermissionDenied",
    "RateLimited",
    "ReplicaLost",
    "RequestTooLarge",
    "SampleRateUnsupported",
    "SignInRefused",
    "SmartLiteError",
    "SourceUnavailable",
    "TextEmpty",
    "TextTooLong",
    "TokensLimited",
    "TooManySignIns",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMediaType",
    "UnsupportedParameter",
    "VoiceNotFound",
]
