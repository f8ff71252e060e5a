"""What can be wrong with what users keep: pipelines, runs, prompts, conversations, files. Must not know who raises."""

from smartlite.errors.client import ClientError, InvalidRequest, RequestTooLarge, Unprocessable


class PipelineInvalid(InvalidRequest):
    """The document of a pipeline is wrong, or one of its expressions or templates cannot be worked out."""

    code = "pipeline_invalid"


class PromptInvalid(InvalidRequest):
    """A prompt is wrong, or the values of its variables are."""

    code = "prompt_invalid"


class FileInUse(InvalidRequest):
    """A batch still reads the file; 400 and not 409, which official clients send again."""

    code = "file_in_use"


class RunBusy(ClientError):
    """This run cannot be removed yet: it goes on, or a replay of it shows what it made."""

    status_code = 409
    code = "run_busy"


class RunUnanswered(ClientError):
    """The request that became a run was never answered: the run was cancelled, or could not go on."""

    status_code = 409
    code = "run_unanswered"


class ConversationBusy(ClientError):
    """Another turn of the conversation goes on; sent again later, this one comes after it."""

    status_code = 409
    code = "conversation_busy"
    retry_after_s = 1


class FileStorageFull(RequestTooLarge):
    """As many bytes of files are kept for this user as may be."""

    code = "file_storage_full"


class PythonStepRefused(Unprocessable):
    """A step of an installed package cannot do anything with what it was given."""

    code = "python_step_refused"
