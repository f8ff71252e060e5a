"""Pipeline documents: read, checked, drawn, compared. Must not know how they are kept or run.

``read_document`` has the text, ``check_document`` the meaning; the executor needs ``expressions``, ``templates``,
``inputs.bound_inputs`` and ``kinds.checked_fields``.
"""

from smartlite.pipeline.spec.catalog import Catalog, ServedCatalog
from smartlite.pipeline.spec.changes import Changes, Named, changes, diff
from smartlite.pipeline.spec.checking import check_document
from smartlite.pipeline.spec.inputs import bound_inputs
from smartlite.pipeline.spec.kinds import KINDS, Kind, checked_fields
from smartlite.pipeline.spec.mermaid import mermaid
from smartlite.pipeline.spec.reading import read_document
from smartlite.pipeline.spec.schema import json_schema
from smartlite.pipeline.spec.svg import svg

__all__ = [
    "KINDS",
    "Catalog",
    "Changes",
    "Kind",
    "Named",
    "ServedCatalog",
    "bound_inputs",
    "changes",
    "check_document",
    "checked_fields",
    "diff",
    "json_schema",
    "mermaid",
    "read_document",
    "svg",
]
