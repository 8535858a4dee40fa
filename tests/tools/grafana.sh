#!/bin/sh
# Prints a folder in whose node_modules are Grafana's types of dashboards, the TypeScript compiler that reads them, and
# Grafana's grammar of Loki's queries. Exits 3 with the reason on stderr where there can be none.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

packages="@grafana/schema@13.2.3 @grafana/lezer-logql@0.4.2 @lezer/lr@1.4.10 typescript@5.9.3"

if kept grafana "$packages"; then
    printf '%s\n' "$built"
    exit 0
fi

for program in node npm; do
    command -v "$program" >/dev/null || die 3 "no $program here: install Node.js to check the dashboard against Grafana's types"
done
workdir "$cache" grafana
mkdir "$work/new"
# shellcheck disable=SC2086 # several words
quietly fetch npm install --ignore-scripts --no-audit --no-fund --prefix "$work/new" $packages ||
    die 1 "npm could not fetch them (see above): is the npm registry reachable?"
mv "$work/new" "$built"
printf '%s\n' "$built"
