#!/bin/sh
# Prints the path of libfuse's shared library; installs Debian's package when there is none and we
# are root. Exits 3 with the reason on stderr when it cannot be had, or when there is no /dev/fuse.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

find_library() {
    for library in /usr/lib/*/libfuse3.so.[34] /lib/*/libfuse3.so.[34] /usr/lib64/libfuse3.so.[34]; do
        [ ! -r "$library" ] || { printf '%s\n' "$library" && return 0; }
    done
    return 1
}

{ true <>/dev/fuse; } 2>/dev/null || die 3 "no file system in user space here: /dev/fuse cannot be opened"
find_library && exit 0
cannot="no libfuse here and none can be had"
command -v apt-get >/dev/null 2>&1 || die 3 "$cannot: this is not a Debian (no apt-get)"
[ "$(id -u)" -eq 0 ] || die 3 "$cannot: not root; apt-get install fuse3"
{
    apt-get update -qq && {
        # Its name has the library's number, which newer Debians have raised.
        for package in libfuse3-3 libfuse3-4; do
            apt-cache show "$package" >/dev/null 2>&1 || continue
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"
        done
    }
} >&2 || die 3 "$cannot: apt-get failed (see above)"
find_library || die 3 "$cannot: Debian's package is laid out in another way"
