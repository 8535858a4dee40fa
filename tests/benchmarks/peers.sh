#!/bin/sh
# Prints the interpreter of a virtual environment of $PYTHON with what the benchmarks compare lifesign
# with, kept in the cache. lifesign is not in it: it comes in from outside, as it does in production.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/../tools/lib.sh"

cd "$here"
requirements=peers-requirements.txt # without its folder: another checkout's is the same
cache=$(cache_dir)
lock "$cache" peers
# One for each interpreter and list: branches and Python versions do not undo each other's.
key=$({ "${PYTHON:-python3}" -c 'import sys; print(sys.executable, sys.version)'; cat "$requirements"; } | digest)
../tools/venv.sh "$cache/peers-$key" -r "$requirements"
printf '%s\n' "$cache/peers-$key/bin/python"
