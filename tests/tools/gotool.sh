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
go=$("$here/go.sh") || die 1 "there is no Go to build $name with (see above)"
workdir "$cache" "$name"

export PATH="$go:$PATH"
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false
export GOTMPDIR="$work/tmp" GOBIN="$work/new" # /tmp may be small or memory
mkdir -p "$work/tmp" "$work/new"
case $go in
"$cache"/*)
    # With our own toolchain, leave no gigabytes behind in a cache that nobody else reads.
    export GOMODCACHE="$work/mod" GOCACHE="$work/build"
    export GOFLAGS="$GOFLAGS -modcacherw" # so that it can be removed
    ;;
esac
go install "$package@$version" >"$work/log" 2>&1 || {
    tail -n 40 "$work/log" >&2
    die 1 "$name $version did not build (see above): is the Go module proxy reachable, and is there space in $cache?"
}
mv "$work/new" "$built"
printf '%s\n' "$built/$name"
