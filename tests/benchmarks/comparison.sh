#!/bin/sh
# Prints the Python 3.14 of an environment with what lifesign is compared with by what it says, kept in the cache. $PYTHON
# is a Python 3.14, and needs no pip of its own; $PIP is another's.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/../tools/lib.sh"

requirements=$here/comparison-requirements.txt
if kept comparison "$("$PYTHON" -c 'import sys; print(sys.executable, sys.version)')$(cat "$requirements")"; then
    printf '%s\n' "$built/bin/python"
    exit 0
fi

workdir "$cache" comparison
quietly make "$PYTHON" -m venv --without-pip "$built.new" || die 1 "$PYTHON cannot make virtual environments (see above)"
quietly install "$PIP" --python "$built.new/bin/python" install -r "$requirements" ||
    die 1 "pip could not install what is compared (see above)"
# Its programs name the interpreter by its path.
grep -lIF "$built.new" "$built.new"/bin/* | xargs sed -i "s|$built.new|$built|g"
mv "$built.new" "$built"
printf '%s\n' "$built/bin/python"
