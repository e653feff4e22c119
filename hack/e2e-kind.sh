#!/usr/bin/env bash
# Runs a command with a temporary cluster that kind (https://kind.sigs.k8s.io) creates in
# Docker. It deletes the cluster in any case.
#
#   hack/e2e-kind.sh make e2e
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || { sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2; }
for program in docker kind; do
	command -v "$program" >/dev/null || { echo "$program must be installed" >&2; exit 1; }
done

readonly cluster=billing-e2e-$$
KUBECONFIG=$(mktemp)
export KUBECONFIG
trap 'kind delete cluster --name "$cluster"; rm -f "$KUBECONFIG"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

kind create cluster --name "$cluster" --wait 3m
export E2E_LOAD_IMAGE="kind load image-archive --name $cluster"
# The kubelet of the node restarts it.
export E2E_RESTART_API_SERVER="docker exec $cluster-control-plane pkill -KILL kube-apiserver"
"$@"
