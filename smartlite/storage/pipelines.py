"""Pipelines and their versions, as rows. Must not know what a document says, nor who may see one."""

from typing import Final

from smartlite.domain.pipelines import Pipeline, PipelineVersion
from smartlite.storage.pipelines_tables import PIPELINE_CHARACTERS, PipelineRow, PipelineVersionRow
from smartlite.storage.versioned import Versioned

SHARED_AS: Final = "pipeline"
"""The kind under which shares name one."""
PIPELINES: Final = Versioned(SHARED_AS, PipelineRow, PipelineVersionRow, Pipeline, PipelineVersion, PIPELINE_CHARACTERS)
"""Runs keep the document that they run, whatever becomes of it here."""
