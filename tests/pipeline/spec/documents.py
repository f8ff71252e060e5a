"""Documents and a catalog for tests of what is done with documents."""

from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from smartlite.domain.pipelines import Document
from smartlite.pipeline.spec import ServedCatalog, check_document, read_document

CATALOG = ServedCatalog(
    ModelDirectory(
        (
            ServedModel("whisper-small", "asr", "fake", 0, "somebody", aliases=("whisper-1",)),
            ServedModel("qwen", "llm", "fake", 0, "somebody"),
            ServedModel(
                "kokoro", "tts", "fake", 0, "somebody", voices=(Voice("af", "A", "en-US", aliases=("alloy",)),)
            ),
            ServedModel("untold", "tts", "fake", 0, "somebody"),
        )
    )
)

ASSISTANT = """\
name: assistant
inputs:
  audio: {type: audio}
steps:
  - id: hear
    uses: asr.transcribe
    with:
      audio: ${{ inputs.audio }}
  - id: think
    uses: llm.chat
    with:
      prompt: ${{ steps.hear.output.text }}
  - id: say
    uses: tts.speak
    with:
      text: ${{ steps.think.output.text }}
outputs:
  audio: ${{ steps.say.output }}
"""


def of_steps(steps: str, head: str = "") -> str:
    """The text of a document with these steps, which begin in line 2 where there is no head."""
    return f"{head}steps:\n{steps}name: tried\n"


def checked(text: str) -> Document:
    """Read and checked against the catalog."""
    return check_document(read_document(text), CATALOG)
