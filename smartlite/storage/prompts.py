"""Prompts and their versions, as rows. Must not know what a template says, nor who may see one."""

from typing import Final

from smartlite.domain.prompts import Prompt, PromptVersion
from smartlite.storage.prompts_tables import PROMPT_CHARACTERS, PromptRow, PromptVersionRow
from smartlite.storage.versioned import Versioned

SHARED_AS: Final = "prompt"
"""The kind under which shares name one."""
PROMPTS: Final = Versioned(SHARED_AS, PromptRow, PromptVersionRow, Prompt, PromptVersion, PROMPT_CHARACTERS)
