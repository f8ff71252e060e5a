"""Exit codes and how an error is told: a line for a person, one JSON object for a program. Must not know commands.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

import json
import sys
from typing import Final

from smartlite.cli.display import printable
from smartlite.errors import SmartLiteError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


def tell(error: SmartLiteError, as_json: bool) -> None:
    """Write an error to standard error; the parameter is named where the message does not."""
    if as_json:
        body = {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
        print(json.dumps(body), file=sys.stderr)
        return
    where = f" (param: {error.param})" if error.param and error.param not in error.message else ""
    print(f"smartlite: {printable(error.message)}{where}", file=sys.stderr)
