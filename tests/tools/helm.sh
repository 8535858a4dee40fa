#!/bin/sh
# Prints the path of Helm, which renders and lints the chart.
set -eu
exec "$(dirname "$0")/gotool.sh" helm helm.sh/helm/v4/cmd/helm v4.2.4
