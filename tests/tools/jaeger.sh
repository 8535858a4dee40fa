#!/bin/sh
# Prints the path of Jaeger v2, building it if the cache has none of that version. It stores in memory only. Its web
# page is a placeholder, which is all that the module carries; the query API is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

# Jaeger v2.13.0. Its module path has no /v2, so the module's own tags end at the v1 of that day.
version=v1.76.0
module=github.com/jaegertracing/jaeger

if kept jaeger "$version $(cat "$here"/jaeger/*.go)"; then
    printf '%s\n' "$built/jaeger"
    exit 0
fi

say "building Jaeger ($version) into $built: once, about a minute on 2 free cores"
go_source jaeger "$module" "$version"
say "compiling"
storage=cmd/jaeger/internal/extension/jaegerstorage archive=internal/storage/v1/factory
rm "$storage"/*.go "$archive"/*.go
cp "$here/jaeger/storage.go" "$storage"
cp "$here/jaeger/archive.go" "$archive"
cp "$here/jaeger/main.go" cmd/jaeger/main.go
quietly build go build -ldflags='-s -w' -o "$work/new/" ./cmd/jaeger ||
    die 1 "Jaeger did not build (see above): is there space in $cache?"
"$work/new/jaeger" version >&2 || die 1 "Jaeger was built but does not run"
mv "$work/new" "$built"
printf '%s\n' "$built/jaeger"
