#!/bin/sh
# Prints a `podman` with a store of its own and the image of this checkout's Dockerfile in it: PODMAN IMAGE.
# The base image is made without a registry, from the machine's own Debian mirror. Installs Debian's podman
# when there is none and we are root. Exits 3 with the reason on stderr when there can be no image here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

root=$(cd "$here/../.." && pwd -P)
cannot="no images can be made here"
needs="podman runc conmon catatonit debootstrap"

[ "$(uname -s)" = Linux ] || die 3 "$cannot: this is not Linux"
[ "$(id -u)" -eq 0 ] || die 3 "$cannot: not root, which debootstrap wants"
cache=$(cache_dir)
lock "$cache" images
for tool in $needs; do
    command -v "$tool" >/dev/null 2>&1 && continue
    # shellcheck disable=SC2086 # they are several
    debian "$cannot" $needs
    break
done
suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -v '^ *#' | grep -o '[a-z+]*://[^ ]*/debian/\{0,1\}\( \|$\)' | head -n 1 | tr -d ' ')
[ -n "$suite" ] && [ -n "$mirror" ] || die 3 "$cannot: apt has no Debian mirror in its sources"

# The store, and a podman that knows no other. crun does not run on hybrid control groups.
store=$cache/podman
podman=$store/podman
mkdir -p "$store"
cat >"$store/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
cat >"$podman.new" <<SCRIPT
#!/bin/sh
export CONTAINERS_CONF='$store/containers.conf'
exec podman --root '$store/root' --runroot '$store/run' "\$@"
SCRIPT
chmod +x "$podman.new"
mv "$podman.new" "$podman"

base=localhost/lifesign-test/python:$suite
if ! "$podman" image exists "$base"; then
    say "making $base from Debian's packages: once, about a minute"
    workdir "$cache" images
    debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$work/tree" "$mirror" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        die 3 "$cannot: debootstrap failed (see above)"
    }
    rm -rf "$work"/tree/var/cache/apt/archives/*.deb "$work"/tree/var/lib/apt/lists/*
    tar -C "$work/tree" -c . | "$podman" import -q \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$base" >&2
fi

# By content, so that checkouts with different sources do not use each other's.
key=$(cd "$root" && { cat Dockerfile requirements.lock pyproject.toml && find sidecar -name __pycache__ \
    -prune -o -type f -print | LC_ALL=C sort | while read -r file; do printf '%s\n' "$file"; cat "$file"; done; } | digest)
image=localhost/lifesign-test/lifesign:$key
if ! "$podman" image exists "$image"; then
    say "building $image"
    [ -n "${work:-}" ] || workdir "$cache" images
    version=$("$podman" run --rm --network none "$base" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
        die 3 "$cannot: podman cannot run a container (see above)"
    # The build has no network: what it installs is fetched here, as whoever runs this fetches packages.
    wheels=$cache/wheels-$version-$(digest <"$root/requirements.lock")
    if [ ! -d "$wheels" ]; then
        "${PYTHON:-python3}" -m venv "$work/pip"
        { "$work/pip/bin/pip" download -q -d "$work/wheels" --python-version "$version" --only-binary=:all: \
            --require-hashes -r "$root/requirements.lock" >&2 &&
            "$work/pip/bin/pip" download -q -d "$work/wheels" --only-binary=:all: hatchling >&2; } ||
            die 1 "the packages of the image cannot be fetched (see above)"
        mv "$work/wheels" "$wheels"
    fi
    printf '[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\n' >"$work/pip.conf"
    "$podman" build -q --network none --build-arg "PYTHON_IMAGE=$base" --volume "$wheels:/wheels:ro" \
        --volume "$work/pip.conf:/etc/pip.conf:ro" --tag "$image" "$root" >"$work/build.log" 2>&1 || {
        tail -n 40 "$work/build.log" >&2
        die 1 "the Dockerfile does not build (see above)"
    }
    # Other checkouts have theirs here; what is older than those was some earlier content.
    "$podman" images --sort created --format '{{.Repository}}:{{.Tag}}' localhost/lifesign-test/lifesign |
        tail -n +11 | xargs -r "$podman" rmi >/dev/null 2>&1 || true
fi
printf '%s %s\n' "$podman" "$image"
