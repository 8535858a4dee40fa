#!/bin/sh
# otelcol.sh [MANIFEST]: prints the path of the Collector described by collector-config/builder.yaml, or by another
# manifest of the builder, building it if the cache has none for it. Needs neither git nor a C compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

manifest=${1:-$(cd "$here/../.." && pwd -P)/collector-config/builder.yaml}
[ -r "$manifest" ] || die 1 "no $manifest: run this from a full checkout"
# The builder must have the version of the modules that it puts together.
version=$(sed -n 's/^  version: *//p' "$manifest")

cache=$(cache_dir)
lock "$cache" otelcol
# By content, so that branches with different manifests do not rebuild each other's.
key=$({ printf '%s\n' "$version" "$(uname -sm)"; cat "$manifest"; } | digest)
built=$cache/otelcol-$key
if [ -x "$built/otelcol-lifesign" ]; then
    printf '%s\n' "$built/otelcol-lifesign"
    exit 0
fi

say "building the Collector v$version into $built: once, about 2 minutes on 2 free cores"
workdir "$cache" otelcol
go_ready "$cache"

quietly install env GOBIN="$work/bin" go install "go.opentelemetry.io/collector/cmd/builder@v$version" ||
    die 1 "go could not install the Collector's builder v$version (see above): is the Go module proxy reachable?"
say "fetching and compiling its modules"
# The detectors of clouds are most of what there is to compile, and need a cloud. They are taken out of the source, and
# the rest of it is as it was: `env` and `system` are what the configs name.
processor=github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourcedetectionprocessor
quietly download go mod download "$processor@v$version" ||
    die 1 "go could not fetch $processor (see above): is the Go module proxy reachable?"
cp -R "$(go env GOMODCACHE)/$processor@v$version" "$work/detection"
chmod -R u+w "$work/detection"
cd "$work/detection"
clouds=$(sed -nE 's#^\t([a-z]*) ?"[^"]*/internal/([a-z0-9/]*)"$#\2 \1#p' factory.go |
    sed -E 's#^.* ([a-z]+)$#\1#; s#^.*/##; s# $##' | grep -vxE 'env|system|metadata' | paste -s -d '|' -)
sed -E -e '/oCfg\.DetectorConfig\./,/^\t\}/d' -e "/^\tcase ($clouds)\./,/return/d" \
    -e '/"[^"]*\/internal\/[a-z0-9\/]+"$/{/\/(env|system|metadata)"$/!d;}' -e "/(^|[^a-z])($clouds)\.[A-Z]/d" \
    -i factory.go config.go
{ cat "$manifest"; printf '\nreplaces:\n  - %s => %s\n' "$processor" "$work/detection"; } >"$work/builder.yaml"
cd "$work/out"
# Strict: a module that another one pulls to a different version is an error, not a surprise.
quietly build "$work/bin/builder" --skip-strict-versioning=false --gcflags="$go_compiler" --config "$work/builder.yaml" ||
    die 1 "the Collector did not build (see above): is the Go module proxy reachable, and is there space in $cache?"
binary=$work/out/_build/otelcol-lifesign
"$binary" --version >&2 || die 1 "the Collector was built but does not run"

mkdir "$work/new"
mv "$binary" "$work/new/"
mv "$work/new" "$built"
printf '%s\n' "$built/otelcol-lifesign"
