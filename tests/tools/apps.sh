#!/bin/sh
# Prints the folder of a virtual environment with third-party asyncio programs, kept in the cache.
# lifesign is not in it: getting in from outside is what the tests prove.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

requirements=$here/apps-requirements.txt
cache=$(cache_dir)
lock "$cache" apps
# One for each interpreter and list: branches and Python versions do not undo each other's.
key=$({ "${PYTHON:-python3}" --version 2>&1; cat "$requirements"; } | digest)
# Wheels only: there may be no C compiler.
"$here/venv.sh" "$cache/apps-$key" --only-binary=:all: -r "$requirements"
printf '%s\n' "$cache/apps-$key"
