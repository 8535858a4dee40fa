#!/bin/sh
# Prints the path of the Collector described by collector-config/builder.yaml, building it if the
# cache has none for that manifest. Needs neither git nor a C compiler.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

manifest=$(cd "$here/../.." && pwd -P)/collector-config/builder.yaml
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

say "building the Collector v$version into $built: once, about 8 minutes on 2 free cores"
go=$("$here/go.sh") || die 1 "there is no Go to build the Collector with (see above)"
workdir "$cache" otelcol

export PATH="$go:$PATH"
export GOTOOLCHAIN=local             # never fetch another toolchain
export GOFLAGS=-buildvcs=false       # no git needed, and none of the caller's flags
export GOWORK=off CGO_ENABLED=0      # nor a workspace around us, nor a C compiler
export GOTMPDIR="$work/tmp"          # /tmp may be small or memory
mkdir -p "$work/tmp" "$work/out"
case $go in
"$cache"/*)
    # With our own toolchain, leave no gigabytes behind in a cache that nobody else reads.
    export GOMODCACHE="$work/mod" GOCACHE="$work/build"
    export GOFLAGS="$GOFLAGS -modcacherw" # so that it can be removed
    ;;
esac

# quietly LOG COMMAND...: its output only when it fails.
quietly() {
    _log=$work/$1.log
    shift
    "$@" >"$_log" 2>&1 && return 0
    tail -n 40 "$_log" >&2
    return 1
}

quietly install env GOBIN="$work/bin" go install "go.opentelemetry.io/collector/cmd/builder@v$version" ||
    die 1 "go could not install the Collector's builder v$version (see above): is the Go module proxy reachable?"
say "fetching and compiling its modules"
cd "$work/out"
# Strict: a module that another one pulls to a different version is an error, not a surprise.
quietly build "$work/bin/builder" --skip-strict-versioning=false --config "$manifest" ||
    die 1 "the Collector did not build (see above): is the Go module proxy reachable, and is there space in $cache?"
binary=$work/out/_build/otelcol-lifesign
"$binary" --version >&2 || die 1 "the Collector was built but does not run"

mkdir "$work/new"
mv "$binary" "$work/new/"
mv "$work/new" "$built"
printf '%s\n' "$built/otelcol-lifesign"
