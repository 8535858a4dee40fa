#!/bin/sh
# Prints the path of kubeconform, which holds rendered manifests against the schemas of Kubernetes.
set -eu
exec "$(dirname "$0")/gotool.sh" kubeconform github.com/yannh/kubeconform/cmd/kubeconform v0.7.0
