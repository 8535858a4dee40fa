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
debian "$cannot" '^libfuse3-[34]$' # a pattern of apt: newer Debians have raised the library's number
find_library || die 3 "$cannot: Debian's package is laid out in another way"
