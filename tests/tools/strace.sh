#!/bin/sh
# Prints the path of a strace that can tamper with system calls. Exits 3 with the reason on stderr when it cannot be
# had, or may not trace here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

strace=$("$here/debian_program.sh" strace) || exit 3 # it has said why
# As the tests do it: the tracer in the background, a file name in the filter.
said=$("$strace" -D -f -q --seccomp-bpf -o /dev/null -e trace=openat -P /dev/null -e inject=openat:error=EIO:when=99 \
    -- true 2>&1) || die 3 "strace may not trace here: $said"
printf '%s\n' "$strace"
