#!/bin/sh
# usage: unit_packages.sh PYTHON
#
# Prints a folder for the PYTHONPATH of that interpreter, with what the unit tests of the agent need. It is kept in the
# cache. No virtual environment: Debian's interpreters have no ensurepip, and one pip can install for another Python.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

[ $# -eq 1 ] || die 2 "usage: unit_packages.sh PYTHON"
pip=25.3 # the first that works on 3.15
requirements=$here/unit-requirements.txt
version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || die 1 "$1 does not run"

if ! kept "unit$version" "$(cat "$0" "$requirements")"; then
    workdir "$cache" "unit$version"
    "$here/venv.sh" "$cache/pip-$pip" "pip==$pip"
    say "installing $requirements for Python $version"
    # Wheels only: there may be no C compiler.
    quietly pip "$cache/pip-$pip/bin/python" -m pip --python "$1" install --quiet --disable-pip-version-check --no-input \
        --root-user-action=ignore --only-binary=:all: --target "$work/new" -r "$requirements" ||
        die 1 "pip could not install them (see above): is the package index reachable?"
    mv "$work/new" "$built"
fi
printf '%s\n' "$built"
