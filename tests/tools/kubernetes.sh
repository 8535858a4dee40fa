#!/bin/sh
# Prints a folder with the programs of a Kubernetes node: the control plane, kubelet, kube-proxy, kubectl and a `pause`
# for its pods. Builds them if the cache has none of that version: a quarter of an hour on 2 free cores. Installs Debian's
# etcd, containerd, runc and CNI plugins when one is missing and we are root.
# With --built it builds nothing. Exits 3 with the reason on stderr when there can be none here.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

minor=37 patch=2
version=v1.$minor.$patch
programs="kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl"
packages="etcd-server containerd runc containernetworking-plugins iptables iproute2"

missing() {
    for program in etcd containerd runc iptables ip; do
        command -v "$program" >/dev/null 2>&1 || { printf '%s\n' "$program" && return; }
    done
    [ -x /usr/lib/cni/bridge ] || echo "the CNI plugins"
}

PATH=$PATH:/usr/sbin:/sbin
[ "$(uname -s)" = Linux ] || die 3 "no node can run here: this is not Linux"
[ "$(id -u)" -eq 0 ] || die 3 "no node can run here: not root"
if kept kubernetes "$version $programs"; then
    there=yes
elif [ "${1:-}" = --built ]; then
    die 3 "Kubernetes $version is not built here, so nothing ran on a node: make cluster builds it, in a quarter of an hour"
fi

lacks=$(missing)
if [ -n "$lacks" ]; then
    # shellcheck disable=SC2086 # they are several
    debian "no $lacks here, which a node needs" $packages
fi

if [ "${there:-}" ]; then
    printf '%s\n' "$built"
    exit 0
fi

say "building Kubernetes $version into $built: once, a quarter of an hour on 2 free cores and 6 GB while it lasts"
workdir "$cache" kubernetes
go_ready "$cache"
# The build leaves no gigabytes behind, whose Go it is: nothing else here needs any of it.
export GOMODCACHE="$work/mod" GOCACHE="$work/build" GOFLAGS="$GOFLAGS -modcacherw"
mkdir "$work/new"
cd "$work/out"

# Kubernetes names its own libraries by v0.0.0, which its workspace puts in place: so does this module.
printf 'module lifesign/kubernetes\n\ngo 1.26\n' >go.mod
{
    printf '//go:build tidy\n\npackage main\n\nimport (\n'
    for program in $programs; do printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "$program"; done
    printf ')\n'
} >programs.go
# What a pod's sandbox runs: it waits to be ended, and reaps what its containers leave behind.
mkdir pause
cat >pause/main.go <<'GO'
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for got := range signals {
		if got != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
GO
fetch() {
    go mod edit -require="k8s.io/kubernetes@$version" &&
        go mod download -json "k8s.io/kubernetes@$version" >module.json &&
        sed -n 's/.*"GoMod": "\(.*\)".*/\1/p' module.json | xargs cat | grep -oE 'k8s\.io/[a-z-]+ v0\.0\.0( |$)' |
        cut -d ' ' -f 1 | sort -u | while read -r library; do
        go mod edit -replace="$library=$library@v0.$minor.$patch"
    done
    go mod tidy
}
say "fetching the modules"
quietly modules fetch || die 1 "the modules could not be fetched (see above): is the Go module proxy reachable?"
say "compiling"
at=k8s.io/component-base/version
# shellcheck disable=SC2046,SC2086 # they are several
quietly build nice -n 19 go build -o "$work/new/" \
    -ldflags "-s -w -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=$minor" \
    ./pause $(printf 'k8s.io/kubernetes/cmd/%s ' $programs) ||
    die 1 "Kubernetes did not build (see above): is there space in $cache?"
mv "$work/new" "$built"
printf '%s\n' "$built"
