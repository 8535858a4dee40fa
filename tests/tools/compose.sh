#!/bin/sh
# Prints the path of the loader of `docker compose`: it reads a compose file, checks it against the
# Compose Specification and prints it resolved. It needs no container engine.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

version=v2.16.2
module=github.com/compose-spec/compose-go/v2

cache=$(cache_dir)
lock "$cache" compose
key=$(printf '%s\n' "$version" "$(uname -sm)" | digest)
built=$cache/compose-$key
if [ -x "$built/compose" ]; then
    printf '%s\n' "$built/compose"
    exit 0
fi

say "building the compose loader $version into $built: once, about a quarter of a minute"
workdir "$cache" compose
go_ready "$cache"
go_source "$module" "$version"
mkdir "$work/new"
quietly build go build -trimpath -ldflags='-s -w' -o "$work/new/compose" ./cmd ||
    die 1 "the compose loader did not build (see above): is there space in $cache?"
mv "$work/new" "$built"
printf '%s\n' "$built/compose"
