#!/bin/sh
# usage: venv.sh DIR PIP-ARGUMENT...
#
# Makes DIR a virtual environment of $PYTHON (default: python3) with the arguments installed. A
# second call with the same interpreter, arguments and requirement files returns at once.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

[ $# -ge 2 ] || die 2 "usage: venv.sh DIR PIP-ARGUMENT..."
dir=$1
shift

python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 ||
    die 1 "no $python here: install Python 3, or set PYTHON to an interpreter"
identity=$("$python" -c 'import sys; print(sys.executable, sys.version)') ||
    die 1 "$python does not run: set PYTHON to a working interpreter"

# What decides whether the work is done: the interpreter, the arguments, and the files they name.
key=$(
    {
        printf '%s\n' "$identity" "$@"
        for argument in "$@"; do
            case $argument in
            .*) [ ! -f pyproject.toml ] || cat pyproject.toml ;;
            *) [ ! -f "$argument" ] || cat "$argument" ;;
            esac
        done
    } | digest
)
stamps=$dir/.lifesign
stamp=$stamps/$(printf '%s' "$*" | tr -c 'A-Za-z0-9' '_')

usable() {
    [ "$(cat "$stamps/python" 2>/dev/null)" = "$identity" ] && "$dir/bin/python" -c '' 2>/dev/null
}

if usable && [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
    exit 0
fi

# Debian and Ubuntu ship `venv` without `ensurepip`, and then a venv cannot get its pip.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    missing="$python cannot make virtual environments (it has no ensurepip)"
    command -v apt-get >/dev/null 2>&1 || die 1 "$missing: install it, or set PYTHON"
    [ "$(id -u)" = 0 ] || die 1 "$missing: run 'sudo apt-get install $package', or set PYTHON"
    say "$missing: installing $package"
    { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package" ||
        { apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$package"; }
    } >&2 || die 1 "apt-get could not install $package: install it by hand, or set PYTHON"
fi

if ! usable; then
    # --clear: of another interpreter, or left half made.
    "$python" -m venv --clear "$dir" >&2 || die 1 "'$python -m venv $dir' failed (see above)"
    mkdir -p "$stamps"
fi
say "installing $* into $dir, which takes a minute or so the first time"
log=$stamps/pip.log
rm -f "$log.failed"

install() {
    "$dir/bin/python" -m pip install --progress-bar=off --disable-pip-version-check --no-input --prefer-binary "$@"
}

# A person sees in one line what it is at; a log need not.
show_newest_line() {
    columns=$(stty size 2>/dev/null </dev/tty | cut -d ' ' -f 2)
    while IFS= read -r line; do
        printf '\r\033[K%.*s' "$((${columns:-80} - 1))" "venv: ${line#"${line%%[! ]*}"}" >&2
    done
    printf '\r\033[K' >&2
}

if [ -t 2 ]; then
    { install "$@" 2>&1 || echo "failed" >"$log.failed"; } | tee "$log" | show_newest_line
else
    install "$@" >"$log" 2>&1 || echo "failed" >"$log.failed"
fi
if [ -e "$log.failed" ]; then
    rm "$log.failed"
    cat "$log" >&2
    die 1 "pip could not install $* (see above): is the package index reachable?"
fi
rm -f "$log"
printf '%s\n' "$identity" >"$stamps/python"
printf '%s\n' "$key" >"$stamp"
