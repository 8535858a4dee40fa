#!/bin/sh
# Prints the path of a Firefox for the page's tests; installs Debian's when there is none and we are root.
# Exits 3 with the reason on stderr when there can be none here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

find_firefox() {
    for name in firefox-esr firefox; do
        ! command -v "$name" || return 0
    done
    return 1
}

find_firefox && exit 0
cannot="no Firefox here and none can be had"
debian "$cannot" firefox-esr fonts-dejavu-core
find_firefox || die 3 "$cannot: Debian's package is laid out in another way"
