#!/bin/sh
# Prints a folder with `prometheus` and `promtool`, building them if the cache has none of that
# version. There is no web page in them, which the module does not carry; the API is whole.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

# Prometheus 3.15.0: as a module, v3.N is v0.3NN.
version=3.15.0
tag=v0.315.0
module=github.com/prometheus/prometheus

if kept prometheus "$version"; then
    printf '%s\n' "$built"
    exit 0
fi

say "building Prometheus $version into $built: once, about a minute and a half on 2 free cores"
go_source prometheus "$module" "$tag"
say "compiling"
# Without the ways to discover targets in clouds, most of what there is to compile. promtool names that of Kubernetes,
# whose client is a third of the rest.
sed -e '/discovery\/kubernetes"/d' -e '/case \*kubernetes\.SDConfig:/,/}$/d' -i cmd/promtool/main.go
quietly build go build -tags remove_all_sd \
    -ldflags="-s -w -X github.com/prometheus/common/version.Version=$version" \
    -o "$work/new/" ./cmd/prometheus ./cmd/promtool ||
    die 1 "Prometheus did not build (see above): is there space in $cache?"
"$work/new/promtool" --version >&2 || die 1 "Prometheus was built but does not run"
mv "$work/new" "$built"
printf '%s\n' "$built"
