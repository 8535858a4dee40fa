#!/bin/sh
# Prints a line `3.N /path/to/python` for each CPython 3.9-3.15 of this machine, the newest patch of
# each; 3.14 and 3.15 are fetched when they are not there. Never fails: tests run on what there is.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)

# describe PYTHON: its minor version, patch and real path, if it runs and is a CPython with a GIL
# that tests can use. Run it: pyenv has shims for versions that are not selected.
describe() {
    "$1" -I - 2>/dev/null <<'PYTHON'
import platform, sys, sysconfig
import asyncio, ctypes, fcntl, mmap, ssl

version = sys.version_info
if platform.python_implementation() == "CPython" and version.releaselevel == "final":
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        print("%d.%d %d %s" % (version[0], version[1], version[2], sys.executable))
PYTHON
}

for minor in 9 10 11 12 13 14 15; do
    newest=-1 path=
    for python in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3."$minor".*/bin/"python3.$minor" \
        "/usr/bin/python3.$minor" "$(command -v "python3.$minor")" "$(command -v python3)"; do
        [ -x "$python" ] || continue
        found=$(describe "$python")
        case $found in "3.$minor "*) ;; *) continue ;; esac
        rest=${found#* }
        if [ "${rest%% *}" -gt "$newest" ]; then
            newest=${rest%% *} path=${rest#* }
        fi
    done
    if [ -z "$path" ] && [ "$minor" -ge 14 ]; then
        path=$("$here/debian_python.sh" "3.$minor") || path=
    fi
    [ -z "$path" ] || printf '3.%s %s\n' "$minor" "$path"
done
exit 0
