#!/bin/sh
# gotool.sh NAME PACKAGE VERSION: prints the path of a Go program, building it if the cache has none of
# that version. Needs neither git nor a C compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

name=$1 package=$2 version=$3

cache=$(cache_dir)
lock "$cache" "$name"
built=$cache/$name-$version-$(uname -sm | tr ' ' -)
if [ -x "$built/$name" ]; then
    printf '%s\n' "$built/$name"
    exit 0
fi

say "building $name $version into $built: once, some minutes"
workdir "$cache" "$name"
go_ready "$cache"
mkdir "$work/new"
export GOBIN="$work/new"
quietly install go install "$package@$version" ||
    die 1 "$name $version did not build (see above): is the Go module proxy reachable, and is there space in $cache?"
mv "$work/new" "$built"
printf '%s\n' "$built/$name"
