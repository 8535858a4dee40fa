#!/usr/bin/env bash
# Prints the path of a Chromium for the page's tests; installs Debian's when there is none and we are root.
# Exits 3 with the reason on stderr when there can be none here.
set -euo pipefail

find_chromium() {
    local name
    for name in "${LIFESIGN_TEST_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        if [ -n "$name" ] && command -v "$name"; then
            return 0
        fi
    done
    return 1
}

if ! find_chromium; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "chromium.sh: no Chromium found: install Debian's package chromium (apt-get install chromium)," >&2
        echo "  or name another one in LIFESIGN_TEST_CHROMIUM" >&2
        exit 3
    fi
    apt-get update -qq >&2
    # Without a font the page has no text to look at.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >&2
    find_chromium
fi
