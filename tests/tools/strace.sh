#!/bin/sh
# Prints the path of a strace that can tamper with system calls; installs Debian's package when there is
# none and we are root. Exits 3 with the reason on stderr when it cannot be had, or may not trace here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

if ! command -v strace >/dev/null 2>&1; then
    cannot="no strace here and none can be had"
    command -v apt-get >/dev/null 2>&1 || die 3 "$cannot: this is not a Debian (no apt-get)"
    [ "$(id -u)" -eq 0 ] || die 3 "$cannot: not root; apt-get install strace"
    {
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends strace
    } >&2 || die 3 "$cannot: apt-get failed (see above)"
fi
# As the tests do it: the tracer in the background, a file name in the filter.
said=$(strace -D -f -q --seccomp-bpf -o /dev/null -e trace=openat -P /dev/null -e inject=openat:error=EIO:when=99 \
    -- true 2>&1) || die 3 "strace may not trace here: $said"
command -v strace
