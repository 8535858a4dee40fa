# Shared by the scripts beside it, which source it. What they print on stdout is their answer,
# so everything said to a person goes to stderr.
# shellcheck shell=sh

# say TEXT...: one line of progress.
say() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
}

# die STATUS TEXT...: what happened and what to try, then the end.
die() {
    _status=$1
    shift
    say "$*"
    exit "$_status"
}

# cache_dir: where built things are kept, outside the checkout so that a new clone finds them.
cache_dir() {
    _base=${LIFESIGN_CACHE:-}
    if [ -z "$_base" ]; then
        [ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] ||
            die 1 "no folder to cache in: set LIFESIGN_CACHE to one"
        _base=${XDG_CACHE_HOME:-$HOME/.cache}/lifesign
    fi
    mkdir -p "$_base" || die 1 "cannot make $_base: set LIFESIGN_CACHE to a folder you can write to"
    (cd "$_base" && pwd -P)
}

# digest: the hash of stdin, short enough to be a folder's name.
digest() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum | cut -c1-16
    else
        shasum -a 256 | cut -c1-16
    fi
}

# lock CACHE NAME: one caller at a time from here to the end of the script. The kernel frees the
# lock however the script ends. Without flock (not Linux) nobody is held up, which only costs work.
lock() {
    exec 9>"$1/$2.lock" || die 1 "cannot write to $1"
    command -v flock >/dev/null 2>&1 || return 0
    flock -n 9 && return 0
    say "waiting for another $2 to finish"
    flock 9
}

# workdir CACHE NAME: sets $work to a scratch folder that goes away with the script. It is in the
# cache so that a rename out of it is atomic. Call it with the lock held: whatever lies there
# under the same name was left by a script that was killed.
workdir() {
    for _old in "$1/.$2".??????; do
        [ ! -d "$_old" ] || { chmod -R u+w "$_old" && rm -rf "$_old"; }
    done
    work=$(mktemp -d "$1/.$2.XXXXXX") || die 1 "cannot write to $1"
    trap 'rm -rf "$work"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}
