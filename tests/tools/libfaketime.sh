#!/bin/sh
# Prints the path of libfaketime's shared library; installs Debian's package when there is none and
# we are root. Exits 3 with the reason on stderr when it cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

find_library() {
    for library in /usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime/libfaketime.so.1; do
        [ ! -r "$library" ] || { printf '%s\n' "$library" && return 0; }
    done
    return 1
}

find_library && exit 0
cannot="no libfaketime here and none can be had"
debian "$cannot" libfaketime
find_library || die 3 "$cannot: Debian's package is laid out in another way"
