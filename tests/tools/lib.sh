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

# kept NAME VERSION: sets $cache, and $built to the place of that version in it; whether it is built already.
# The lock is held from here on.
kept() {
    cache=$(cache_dir) || exit 1 # it has said why
    lock "$cache" "$1"
    built=$cache/$1-$(printf '%s\n' "$2" "$(uname -sm)" | digest)
    [ -d "$built" ] # it was moved there whole
}

# quietly LOG COMMAND...: its output only when it fails. Wants workdir.
quietly() {
    _log=$work/$1.log
    shift
    "$@" >"$_log" 2>&1 && return 0
    tail -n 40 "$_log" >&2
    return 1
}

# debian CANNOT PACKAGE...: installs Debian's packages if we are root. Where that cannot be, it ends with exit code 3 and
# says CANNOT, which is what is missing, and why. One caller at a time: apt-get fails where another one is at work.
debian() {
    _cannot=$1
    shift
    command -v apt-get >/dev/null 2>&1 || die 3 "$_cannot: this is not a Debian (no apt-get)"
    [ "$(id -u)" -eq 0 ] || die 3 "$_cannot: not root; apt-get install $*"
    say "installing Debian's $*"
    # Daemons in them are not to be started: the tests start their own.
    {
        flock /var/lib/apt apt-get update -qq &&
            RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive flock /var/lib/apt \
                apt-get install -y -qq --no-install-recommends "$@"
    } >&2 || die 3 "$_cannot: apt-get failed (see above)"
}

# go_ready CACHE: puts a Go on PATH that needs neither git nor a C compiler, and keeps whoever calls
# from having a say in what is built. Wants workdir.
go_ready() {
    # shellcheck disable=SC2154 # `here` is set by whoever sources this
    _go=$("$here/go.sh") || die $? "there is no Go to build with (see above)"
    export PATH="$_go:$PATH"
    export GOTOOLCHAIN=local             # never fetch another toolchain
    # No git needed, and none of the caller's flags. Nobody debugs what is built here: a compiler that neither
    # describes it for that nor collects garbage often needs a quarter less of the processor. All have the same
    # flags, or what one has compiled would not do for the next.
    go_compiler="all=-dwarf=false"
    export GOFLAGS="-buildvcs=false -trimpath -gcflags=$go_compiler" GOGC=400
    export GOWORK=off CGO_ENABLED=0      # nor a workspace around us, nor a C compiler
    export GOTMPDIR="$work/tmp"          # /tmp may be small or memory
    mkdir -p "$work/tmp" "$work/out"
    case $_go in
    "$1"/*)
        # With our own toolchain, leave no gigabytes behind in a cache that nobody else reads. Those that build one
        # program after the other share one: half of what each would compile are packages of another.
        export GOMODCACHE="${LIFESIGN_GO_WORK:-$work}/mod" GOCACHE="${LIFESIGN_GO_WORK:-$work}/build"
        export GOFLAGS="$GOFLAGS -modcacherw" # so that it can be removed
        ;;
    esac
}

# go_source NAME MODULE VERSION: goes into a copy of the module's source. Built there, it has the dependencies
# of its own go.mod, replaced ones too, and its own go.sum has their checksums. What is built belongs into $work/new.
# Wants kept.
go_source() {
    workdir "$cache" "$1"
    shift
    go_ready "$cache"
    mkdir "$work/new"
    quietly download go mod download "$1@$2" ||
        die 1 "go could not fetch $1 $2 (see above): is the Go module proxy reachable?"
    cp -R "$(go env GOMODCACHE)/$1@$2" "$work/out/source"
    chmod -R u+w "$work/out/source" # the cache is read-only
    cd "$work/out/source" || die 1 "no $work/out/source"
}
