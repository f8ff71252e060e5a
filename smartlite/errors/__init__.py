"""The one error tree of the platform: a class is a docstring, a status code and a code.

Must not know who raises or who renders. The tree, with the status that each branch answers::

    SmartLiteError                500
    ├── ClientError               400
    │   ├── InvalidRequest        400: InvalidJSON, InvalidMultipart, MissingParameter, InvalidType,
    │   │                              UnsupportedParameter, TextEmpty, TextTooLong, ContextLengthExceeded,
    │   │                              VoiceNotFound, AudioEmpty, AlreadyExists, InvalidGrant,
    │   │                              InvalidIdempotencyKey, PipelineInvalid, PromptInvalid, FileInUse,
    │   │                              UnauthorizedClient, UnsupportedGrantType, UnsupportedResponseType,
    │   │                              InvalidScope, AccessDenied, ExternalSignInFailed
    │   ├── Unauthorized          401: SignInRefused, InvalidClient, OrganizationMismatch
    │   ├── PermissionDenied      403: ExternalSignInRefused
    │   ├── OriginNotAllowed      403
    │   ├── NotFound              404: ModelNotFound
    │   ├── MethodNotAllowed      405
    │   ├── IdempotencyInProgress 409
    │   ├── ConversationBusy      409
    │   ├── LastOwner             409
    │   ├── RunBusy               409
    │   ├── RunUnanswered         409
    │   ├── RequestTooLarge       413: AudioTooLong, AudioTooLarge, FileStorageFull
    │   ├── UnsupportedMediaType  415
    │   ├── RangeNotSatisfiable   416
    │   ├── HostNotAllowed        421
    │   └── Unprocessable         422: AudioInvalid, AudioNotFinite, SampleRateUnsupported,
    │                                  ChannelsUnsupported, NoSpeech, PasswordRefused,
    │                                  IdempotencyKeyReused, PythonStepRefused
    ├── HTTPRequestRefused        424
    ├── Overloaded                429: TooManySignIns, RunQueueFull, BatchQueueFull
    ├── RateLimited               429: TokensLimited, AudioLimited, CharactersLimited, QuotaExceeded
    ├── EngineFailed              500
    ├── LeaseLost                 500
    ├── PythonStepFailed          500
    ├── ConfigurationError        500
    ├── ModelStoreError           500: ChecksumMismatch, SourceUnavailable
    ├── StorageCorrupt            502
    ├── ProviderFailed            502
    ├── HTTPRequestFailed         502
    ├── Unavailable               503: ModelNotReady, ReplicaLost, DatabaseUnavailable, DatabaseOverloaded,
    │                              JournalUnavailable, StorageUnavailable, ProviderUnavailable
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
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidGrant,
    InvalidIdempotencyKey,
    InvalidJSON,
    InvalidMultipart,
    InvalidRequest,
    InvalidType,
    LastOwner,
    MethodNotAllowed,
    MissingParameter,
    ModelNotFound,
    NoSpeech,
    NotFound,
    OrganizationMismatch,
    OriginNotAllowed,
    PasswordRefused,
    PermissionDenied,
    RangeNotSatisfiable,
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
from smartlite.errors.kept import (
    ConversationBusy,
    FileInUse,
    FileStorageFull,
    PipelineInvalid,
    PromptInvalid,
    PythonStepRefused,
    RunBusy,
    RunUnanswered,
)
from smartlite.errors.oauth import (
    AccessDenied,
    ExternalSignInFailed,
    ExternalSignInRefused,
    InvalidClient,
    InvalidScope,
    ProviderFailed,
    ProviderUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
)
from smartlite.errors.server import (
    AudioLimited,
    BatchQueueFull,
    CharactersLimited,
    ChecksumMismatch,
    ConfigurationError,
    DatabaseOverloaded,
    DatabaseUnavailable,
    DeadlineExceeded,
    EngineFailed,
    HTTPRequestFailed,
    HTTPRequestRefused,
    JournalUnavailable,
    LeaseLost,
    ModelNotReady,
    ModelStoreError,
    Overloaded,
    PythonStepFailed,
    QuotaExceeded,
    RateLimited,
    ReplicaLost,
    RunQueueFull,
    SourceUnavailable,
    StorageCorrupt,
    StorageUnavailable,
    TokensLimited,
    TooManySignIns,
    Unavailable,
)

__all__ = [
    "AccessDenied",
    "AlreadyExists",
    "AudioEmpty",
    "AudioInvalid",
    "AudioLimited",
    "AudioNotFinite",
    "AudioTooLarge",
    "AudioTooLong",
    "BatchQueueFull",
    "ChannelsUnsupported",
    "CharactersLimited",
    "ChecksumMismatch",
    "ClientError",
    "ConfigurationError",
    "ContextLengthExceeded",
    "ConversationBusy",
    "DatabaseOverloaded",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "EngineFailed",
    "ExternalSignInFailed",
    "ExternalSignInRefused",
    "FileInUse",
    "FileStorageFull",
    "HTTPRequestFailed",
    "HTTPRequestRefused",
    "HostNotAllowed",
    "IdempotencyInProgress",
    "IdempotencyKeyReused",
    "InvalidClient",
    "InvalidGrant",
    "InvalidIdempotencyKey",
    "InvalidJSON",
    "InvalidMultipart",
    "InvalidRequest",
    "InvalidScope",
    "InvalidType",
    "JournalUnavailable",
    "LastOwner",
    "LeaseLost",
    "MethodNotAllowed",
    "MissingParameter",
    "ModelNotFound",
    "ModelNotReady",
    "ModelStoreError",
    "NoSpeech",
    "NotFound",
    "OrganizationMismatch",
    "OriginNotAllowed",
    "Overloaded",
    "PasswordRefused",
    "PermissionDenied",
    "PipelineInvalid",
    "PromptInvalid",
    "ProviderFailed",
    "ProviderUnavailable",
    "PythonStepFailed",
    "PythonStepRefused",
    "QuotaExceeded",
    "RangeNotSatisfiable",
    "RateLimited",
    "ReplicaLost",
    "RequestTooLarge",
    "RunBusy",
    "RunQueueFull",
    "RunUnanswered",
    "SampleRateUnsupported",
    "SignInRefused",
    "SmartLiteError",
    "SourceUnavailable",
    "StorageCorrupt",
    "StorageUnavailable",
    "TextEmpty",
    "TextTooLong",
    "TokensLimited",
    "TooManySignIns",
    "Unauthorized",
    "UnauthorizedClient",
    "Unavailable",
    "Unprocessable",
    "UnsupportedGrantType",
    "UnsupportedMediaType",
    "UnsupportedParameter",
    "UnsupportedResponseType",
    "VoiceNotFound",
]
