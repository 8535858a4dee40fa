#!/bin/sh
# Prints the path of a Chromium for the page's tests; installs Debian's when there is none and we are root.
# Exits 3 with the reason on stderr when there can be none here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

find_chromium() {
    for name in "${LIFESIGN_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -z "$name" ] || ! command -v "$name" || return 0
    done
    return 1
}

find_chromium && exit 0
cannot="no Chromium here and none can be had (LIFESIGN_TEST_CHROMIUM may name another one)"
debian "$cannot" chromium fonts-dejavu-core # without a font the page has no text to look at
find_chromium || die 3 "$cannot: Debian's package is laid out in another way"
