"""Reads catalog files, and says in which line one is wrong. Must not know what becomes of the models."""

from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from smartlite.errors import ConfigurationError
from smartlite.models.catalog import Catalog, CatalogRecord, ConvertedEntry, ModelEntry, SourceEntry

SHIPPED = "smartlite/models/catalog.yaml"
"""The name that errors give to the catalog of the package."""
_SHIPPED_LISTS = "smartlite/models/catalog_espeak.yaml"
"""Read after it: entries that are long lists."""


class _CatalogFile(CatalogRecord):
    models: tuple[ModelEntry, ...]


def load_catalog(extra: Path | None = None) -> Catalog:
    """Read the catalog that ships, then the operator's.

    Args:
        extra: A YAML file of the same form (``Settings.catalog``). An entry with the id of a shipped one replaces it in
            its place; others stand before the shipped ones, so an alias which both have means the operator's model.

    Raises:
        ConfigurationError: A file cannot be read or is wrong; the message has its name and line.
    """
    shipped = tuple(entry for name in (SHIPPED, _SHIPPED_LISTS) for entry in _read_shipped(name))
    if extra is None:
        return Catalog(_linked(shipped))
    try:
        text = extra.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The model catalog {extra} cannot be read: {error}.", "catalog") from error
    own = {entry.id: entry for entry in parse_catalog(text, str(extra), extra.absolute().parent)}
    replaced = {entry.id for entry in shipped} & set(own)
    added = (entry for id_, entry in own.items() if id_ not in replaced)
    return Catalog(_linked((*added, *(own.get(entry.id, entry) for entry in shipped))))


def _read_shipped(name: str) -> tuple[ModelEntry, ...]:
    text = resources.files("smartlite.models").joinpath(Path(name).name).read_text(encoding="utf-8")
    return parse_catalog(text, name, Path.cwd())


def _linked(models: tuple[ModelEntry, ...]) -> tuple[ModelEntry, ...]:
    """Tell every converted source the model that it is made of.

    Raises:
        ConfigurationError: There is no such model, or it is made of the first one itself.
    """
    by_id = {entry.id: entry for entry in models}

    def link(entry: ModelEntry, makers: tuple[str, ...]) -> ModelEntry:
        sources: list[SourceEntry] = []
        for source in entry.sources:
            if not isinstance(source, ConvertedEntry):
                sources.append(source)
                continue
            if source.model not in by_id or source.model in (entry.id, *makers):
                fault = "is made of it" if source.model in by_id else "is not in the catalog"
                raise ConfigurationError(
                    f"The model '{entry.id}' is converted from '{source.model}', which {fault}.", "catalog"
                )
            sources.append(source.made_of(link(by_id[source.model], (*makers, entry.id))))
        return entry.model_copy(update={"sources": tuple(sources)})

    return tuple(link(entry, ()) for entry in models)


def parse_catalog(text: str, name: str, directory: Path) -> tuple[ModelEntry, ...]:
    """Read one catalog.

    Args:
        text: YAML.
        name: What errors call it.
        directory: Where relative ``path`` sources start.

    Raises:
        ConfigurationError: It is not YAML or not a catalog; the message has the line.
    """
    try:
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ConfigurationError(f"{name} is empty; it must begin with 'models:'.", "catalog")
            _refuse_repeated_keys(root, name)
            data = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{name}{line}: {error.problem or error.context}.", "catalog") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name}: {error}.", "catalog") from error
    try:
        models = _CatalogFile.model_validate(data, context={"directory": directory}).models
    except ValidationError as error:
        raise ConfigurationError(_explain(error, root, name), "catalog") from error
    for index, entry in enumerate(models):
        if entry.id in {other.id for other in models[:index]}:
            number = _line_of(root, ("models", index, "id"))
            raise ConfigurationError(f"{name}, line {number}: the model '{entry.id}' is there twice.", "catalog")
    return models


def _explain(error: ValidationError, root: Node, name: str) -> str:
    first = error.errors(include_url=False)[0]
    location = first["loc"]
    if first["type"] == "unknown_key":
        location = (*location, first["ctx"]["key"])
    where = ".".join(str(part) for part in location) or "the file"
    reason = first["msg"].removeprefix("Value error, ")
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{name}, line {_line_of(root, location)}: {where}: {reason.rstrip('.')}{more}."


def _line_of(node: Node, location: tuple[int | str, ...]) -> int:
    """Line, from 1, of the deepest part of a pydantic location that the YAML has.

    Pydantic puts the kind of a source among the keys and the file does not have it there: such parts are passed over.
    """
    line: int = node.start_mark.line
    for part in location:
        if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                if key.value == part:
                    node, line = value, key.start_mark.line
                    break
    return line + 1


def _refuse_repeated_keys(node: Node, name: str) -> None:
    # PyYAML keeps the last of two equal keys without a word.
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value in seen:
                raise ConfigurationError(
                    f"{name}, line {key.start_mark.line + 1}: the key '{key.value}' is there twice.", "catalog"
                )
            seen.add(str(key.value))
            _refuse_repeated_keys(value, name)
    elif isinstance(node, SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(child, name)
