"""Writes the tables of docs/configuration.md from the code: settings and engine options. `--check` only compares.

Must not hold a fact of its own: text comes from the docstring under each field.
"""

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from smartlite.config import Settings
from smartlite.engines.registry import ENGINES

PAGE: Final = Path(__file__).parents[1] / "docs" / "configuration.md"
_HOME: Final = str(Path.home())


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstring under each field of a model; empty where there is none."""
    docs: dict[str, str] = {}
    for base in model.__bases__:
        if issubclass(base, BaseModel) and base.model_fields:
            docs |= field_docs(base)
    tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(model)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    for field, text in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            says = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            docs[field.target.id] = " ".join(str(text.value.value).split()) if says else ""  # type: ignore[union-attr]
    return docs


def rows(model: type[BaseModel], prefix: str = "") -> list[str]:
    """A table row for each field: name, default, meaning."""
    docs = field_docs(model)
    lines = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default is PydanticUndefined else _show(default)
        label = f"{prefix}{name.upper()}" if prefix else name
        lines.append(f"| `{label}` | {shown} | {docs.get(name, '').replace('``', '`').replace('|', chr(92) + '|')} |")
    return lines


def tables() -> dict[str, str]:
    """The generated parts of the page, by their marker."""
    head = "| variable | default | meaning |\n|---|---|---|\n"
    settings = head + "\n".join(rows(Settings, "SMARTLITE_"))
    engines = []
    for task, by_name in ENGINES.items():
        for name, engine in by_name.items():
            if name != "fake":
                table = "\n".join(rows(engine.Options))
                engines.append(f"**{task}: `{name}`**\n\n| option | default | meaning |\n|---|---|---|\n{table}")
    return {"settings": settings, "engines": "\n\n".join(engines)}


def render(page: str) -> str:
    """The page with its generated parts made anew."""
    for marker, text in tables().items():
        pattern = re.compile(rf"(<!-- {marker}:.*?-->\n).*?(\n<!-- /{marker} -->)", re.DOTALL)
        page = pattern.sub(lambda found, text=text: found[1] + text + found[2], page)
    return page


def _show(value: object) -> str:
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    text = str(value).replace(_HOME, "~")
    return f"`{text}`" if text and value is not None else ""


def main() -> int:
    """Write the page, or tell whether it is right."""
    page = PAGE.read_text(encoding="utf-8")
    made = render(page)
    if "--check" in sys.argv:
        if made != page:
            print("docs/configuration.md is not what the code says: run python ops/reference.py", file=sys.stderr)
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
