"""What keeps the platform from answering a good request: 429 and 500 to 504. Must not know who raises or renders."""

from smartlite.errors.base import SmartLiteError


class Overloaded(SmartLiteError):
    """Every replica is busy and the queue is full."""

    status_code = 429
    code = "server_overloaded"
    type = "rate_limit_error"
    retry_after_s = 1


class RateLimited(SmartLiteError):
    """This key has sent as many requests as it may for now, or runs as many as it may."""

    status_code = 429
    code = "rate_limit_exceeded"
    type = "requests"
    retry_after_s = 1
    """At least; the answer's header knows how long it is."""


class TokensLimited(RateLimited):
    """This key has used as many tokens as it may for now."""

    type = "tokens"


class AudioLimited(RateLimited):
    """This key has had as many seconds of recordings transcribed as it may for now."""

    type = "audio_seconds"


class CharactersLimited(RateLimited):
    """This key has had as many characters spoken as it may for now."""

    type = "characters"


class QuotaExceeded(RateLimited):
    """A budget of a day or a month is used up; asking again before it ends is of no use."""

    code = "insufficient_quota"
    type = "insufficient_quota"


class TooManySignIns(Overloaded):
    """Passwords were tried in vain too often, for this account or from this address."""

    code = "too_many_sign_ins"
    retry_after_s = 30


class RunQueueFull(Overloaded):
    """As many runs wait as may: this user's, or everybody's."""

    code = "run_queue_full"
    retry_after_s = 5


class BatchQueueFull(Overloaded):
    """As many batches of this user have not ended as may."""

    code = "batch_queue_full"
    retry_after_s = 30


class LeaseLost(SmartLiteError):
    """Another worker has this run now, or it has ended; whoever is told stops and changes nothing."""

    code = "lease_lost"


class HTTPRequestRefused(SmartLiteError):
    """A step's HTTP request may not be sent, or was answered with a status of 400 to 499."""

    status_code = 424
    code = "http_request_refused"


class PythonStepFailed(SmartLiteError):
    """A step of an installed package raised an error of its own; it may be tried again."""

    code = "python_step_failed"


class HTTPRequestFailed(SmartLiteError):
    """A step's HTTP request was not answered, or with a status of 500 or more."""

    status_code = 502
    code = "http_request_failed"
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


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, or refuses to be written."""

    code = "database_unavailable"
    retry_after_s = 5


class DatabaseOverloaded(DatabaseUnavailable):
    """The database is there and others kept it busy: no free connection, no lock, a slow statement."""

    code = "database_overloaded"
    retry_after_s = 1


class JournalUnavailable(Unavailable):
    """What is used cannot be recorded, so nothing more is given: the disk is full or fails."""

    code = "journal_unavailable"
    retry_after_s = 5


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


class StorageUnavailable(Unavailable):
    """The object store cannot be reached, is full, or does not answer in time."""

    code = "storage_unavailable"
    retry_after_s = 5


class StorageCorrupt(SmartLiteError):
    """A stored object is not what was stored, or the key that opens it is missing."""

    status_code = 502
    code = "storage_corrupt"
