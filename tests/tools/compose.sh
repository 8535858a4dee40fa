#!/bin/sh
# Prints the path of the loader of `docker compose`: it reads a compose file, checks it against the
# Compose Specification and prints it resolved. It needs no container engine.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

version=v2.16.2
module=github.com/compose-spec/compose-go/v2

if kept compose "$version"; then
    printf '%s\n' "$built/compose"
    exit 0
fi

say "building the compose loader $version into $built: once, about a quarter of a minute"
go_source compose "$module" "$version"
quietly build go build -ldflags='-s -w' -o "$work/new/compose" ./cmd ||
    die 1 "the compose loader did not build (see above): is there space in $cache?"
mv "$work/new" "$built"
printf '%s\n' "$built/compose"
