#!/bin/sh
# debian_program.sh NAME: prints the path of a program that Debian has a package of by that name (strace, valgrind,
# wrk); installs it when there is none and we are root. Exits 3 with the reason on stderr when it cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

name=$1
if ! command -v "$name" >/dev/null 2>&1; then
    debian "no $name here and none can be had" "$name"
fi
command -v "$name"
