#!/bin/sh
# Prints a folder with `alertmanager` and `amtool`, building them if the cache has none of that version.
# There is no web page in them, which the module does not carry; the API is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

version=0.34.2
module=github.com/prometheus/alertmanager

if kept alertmanager "$version"; then
    printf '%s\n' "$built"
    exit 0
fi

say "building Alertmanager $version into $built: once, about 3 minutes on 2 free cores"
go_source alertmanager "$module" "v$version"
say "compiling"
mkdir -p ui/app/dist
# It does not compile without a page.
echo '<!doctype html><title>Alertmanager</title><p>This build has the API only.' >ui/app/dist/index.html
quietly build go build -ldflags="-s -w -X github.com/prometheus/common/version.Version=$version" \
    -o "$work/new/" ./cmd/alertmanager ./cmd/amtool ||
    die 1 "Alertmanager did not build (see above): is there space in $cache?"
"$work/new/amtool" --version >&2 || die 1 "Alertmanager was built but does not run"
mv "$work/new" "$built"
printf '%s\n' "$built"
