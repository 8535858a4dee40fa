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
command -v apt-get >/dev/null 2>&1 || die 3 "$cannot: this is not a Debian (no apt-get)"
[ "$(id -u)" -eq 0 ] || die 3 "$cannot: not root; apt-get install libfaketime"
{
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libfaketime
} >&2 || die 3 "$cannot: apt-get failed (see above)"
find_library || die 3 "$cannot: Debian's package is laid out in another way"
