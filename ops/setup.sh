#!/usr/bin/env bash
# Makes this machine ready: a virtual environment with pinned dependencies, and the programs that engines call.
# Usage: ops/setup.sh EXTRAS   (such as cpu, or cpu,torch,dev). Does nothing where nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:?usage: ops/setup.sh EXTRAS}
python=${PYTHON:-python3}
venv=${VENV:-.venv}

say() { printf 'setup: %s\n' "$*"; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { say "Python 3.11 or newer is needed ($python is not). Set PYTHON=/path/to/python3.11"; exit 1; }

# Programs that are called, by the package that has each. espeak-ng's licence forbids linking it here. (Node, which the
# tests drive OpenAI's client with, comes as a wheel.) The tests run a MariaDB of their own; its package starts none.
missing=()
command -v espeak-ng >/dev/null || missing+=(espeak-ng)
if [[ ",$extras," == *,dev,* ]]; then
    command -v mariadb-install-db >/dev/null || missing+=(mariadb-server-core)
fi
if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        say "missing: ${missing[*]}. Install with this system's package manager"; exit 1
    fi
    root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    say "installing ${missing[*]}"
    apt=(timeout 600 apt-get -qq -o DPkg::Lock::Timeout=120)
    "${root[@]}" "${apt[@]}" update >/dev/null || true
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        { say "could not install ${missing[*]}: run 'sudo apt-get install ${missing[*]}'"; exit 1; }
fi

# One stamp for each set of extras: the same inputs are not installed twice.
want=$(cat pyproject.toml constraints.txt ops/setup.sh <(echo "$extras") | sha256sum | cut -d' ' -f1)
stamp="$venv/.smartlite-$extras"
if [ -x "$venv/bin/smartlite" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
    exit 0
fi
[ -x "$venv/bin/python" ] || { say "creating $venv"; "$python" -m venv "$venv"; }
say "installing dependencies ($extras) into $venv (a minute or two)"
log="$venv/setup.log"
{
    "$venv/bin/python" -m pip install --upgrade -c constraints.txt pip &&
        "$venv/bin/python" -m pip install -c constraints.txt -e ".[$extras]"
} >"$log" 2>&1 || { tail -n 30 "$log" >&2; say "could not install; the whole log is $log"; exit 1; }
echo "$want" >"$stamp"
