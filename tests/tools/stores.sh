#!/bin/sh
# Prints nats=PATH:redis=PATH:postgres=FOLDER, the servers of NATS and Redis and the folder with those of Postgres;
# installs Debian's packages when one is missing and we are root. Exits 3 with the reason on stderr when they cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

find_stores() {
    redis=$(command -v redis-server) || return 1
    nats=$(PATH=$PATH:/usr/sbin command -v nats-server) || return 1
    for folder in /usr/lib/postgresql/*/bin; do
        [ ! -x "$folder/postgres" ] || { printf 'nats=%s:redis=%s:postgres=%s\n' "$nats" "$redis" "$folder" && return 0; }
    done
    return 1
}

find_stores && exit 0
cannot="no NATS, Redis and Postgres servers here and none can be had"
debian "$cannot" nats-server redis-server postgresql
find_stores || die 3 "$cannot: Debian's packages are laid out in another way"
