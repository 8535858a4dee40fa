#!/bin/sh
# Prints the path of a real kube-apiserver, building it if the cache has none of that version: some fifteen
# minutes on 2 busy cores. Installs Debian's etcd-server, which it needs to run, when there is none and we are root.
# Exits 3 with the reason on stderr when there can be none here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

minor=37 patch=2
version=v1.$minor.$patch

cache=$(cache_dir)
lock "$cache" kube-apiserver
if ! command -v etcd >/dev/null 2>&1; then
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        die 3 "no etcd here: apt-get install etcd-server, as root, on a Debian"
    fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends etcd-server; } >&2 ||
        die 3 "no etcd here: apt-get failed (see above)"
fi

built=$cache/kube-apiserver-$version-$(uname -sm | tr ' ' -)
if [ -x "$built/kube-apiserver" ]; then
    printf '%s\n' "$built/kube-apiserver"
    exit 0
fi

say "building kube-apiserver $version into $built: once, about fifteen minutes"
go=$("$here/go.sh") || die 1 "there is no Go to build kube-apiserver with (see above)"
workdir "$cache" kube-apiserver
# shellcheck disable=SC2154 # workdir sets it
cd "$work"
export PATH="$go:$PATH"
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTMPDIR="$work"
case $go in
"$cache"/*) # with our own toolchain, leave no gigabytes behind
    export GOMODCACHE="$work/mod" GOCACHE="$work/build" GOFLAGS="$GOFLAGS -modcacherw"
    ;;
esac

# Kubernetes names its own libraries by v0.0.0, which its workspace puts in place: so does this module.
printf 'module lifesign/kubeapiserver\n\ngo 1.26\n' >go.mod
printf 'package main\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver/app"\n\nfunc main() {}\n' >main.go
{
    go mod edit -require="k8s.io/kubernetes@$version"
    go mod download -json "k8s.io/kubernetes@$version" >module.json
    sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' module.json | xargs cat | grep -oE 'k8s\.io/[a-z-]+ v0\.0\.0( |$)' |
        cut -d ' ' -f 1 | sort -u | while read -r library; do
        go mod edit -replace="$library=$library@v0.$minor.$patch"
    done
    go mod tidy
    at=k8s.io/component-base/version
    go build -o new/kube-apiserver -ldflags "-s -w -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=$minor" \
        k8s.io/kubernetes/cmd/kube-apiserver
} >log 2>&1 || {
    tail -n 40 log >&2
    die 1 "kube-apiserver did not build (see above): is the Go module proxy reachable, and is there space in $cache?"
}
mv new "$built"
printf '%s\n' "$built/kube-apiserver"
