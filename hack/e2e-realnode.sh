#!/usr/bin/env bash
# Runs a command with a temporary cluster of one real node, with containerd and a kubelet.
# It needs Linux and root, but no container engine. The folder $REALNODE holds the tool
# that starts the node.
#
#   hack/e2e-realnode.sh make e2e
#
# On a machine that cannot run such a node, it says why and exits with 77. It stops the
# node in any case. The node's programs are compiled once, into bin/.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly realnode=${REALNODE:-../shared/realnode}
readonly programs=$PWD/bin/realnode
readonly unable=77

main() {
	case "${1:-}" in
	"") sed -n '2,/^set /s/^# \{0,1\}//p' "$0" && exit 2 ;;
	load-image) node load "$2" ;;
	restart-api-server) restart_api_server ;;
	*) with_node "$@" ;;
	esac
}

with_node() {
	mkdir -p bin
	check_machine
	compile_programs
	trap down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	up
	check_containers

	export E2E_LOAD_IMAGE="hack/e2e-realnode.sh load-image"
	export E2E_RESTART_API_SERVER="hack/e2e-realnode.sh restart-api-server"
	set -m # gives the command a process group, so that all of it can be ended
	"$@" &
	command=$!
	local status=0
	wait "$command" || status=$?
	command=
	exit "$status"
}

cannot() {
	echo "This machine cannot run a real node: $*" >&2
	exit $unable
}

# The node consists of namespaces, mounts and cgroups of this machine.
check_machine() {
	[ -x "$realnode/realnode" ] || cannot "there is no tool in $realnode; set REALNODE to its folder"
	[ "$(uname -s)" = Linux ] || cannot "it does not run Linux"
	[ "$(id -u)" = 0 ] || cannot "a real node needs root"
	install_missing
	unshare --pid --mount --net --uts --ipc --fork mount -t tmpfs none /mnt 2>/dev/null ||
		cannot "it does not allow namespaces and mounts"
	local cgroups=/sys/fs/cgroup
	[ -e $cgroups/cgroup.controllers ] || cgroups=$cgroups/memory
	{ mkdir "$cgroups/e2e-$$" && rmdir "$cgroups/e2e-$$"; } 2>/dev/null || cannot "it does not allow cgroups"
}

install_missing() {
	local missing=() pair
	PATH=$PATH:/usr/sbin:/sbin
	for pair in runc:runc ip:iproute2 iptables:iptables nsenter:util-linux unshare:util-linux; do
		command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || cannot "it lacks ${missing[*]}"
	echo "Installing ${missing[*]} ..."
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$programs.log" 2>&1 || cannot "${missing[*]} cannot be installed; see $programs.log"
}

# Compiles again only when a pinned version has changed.
compile_programs() {
	local pinned
	pinned=$(cd "$realnode/build" && find . -type f | sort | xargs sha256sum)
	[ "$(cat "$programs/pinned" 2>/dev/null)" != "$pinned" ] || return 0
	echo "Compiling the programs of the node, once: a quarter of an hour on two cores ..."
	rm -rf "$programs.source"
	cp -r "$realnode/build" "$programs.source" # compiling writes to it
	"$programs.source/build.sh" "$programs" >"$programs.log" 2>&1 ||
		cannot "the programs of the node cannot be compiled; see $programs.log"
	echo "$pinned" >"$programs/pinned"
}

node() { REALNODE_BIN=$programs REALNODE_BUILD=$programs-tools "$realnode/realnode" "$@"; }

up() {
	REALNODE_DIR=$(mktemp -d)
	export REALNODE_DIR KUBECONFIG=$REALNODE_DIR/kubeconfig
	chmod 755 "$REALNODE_DIR"
	node up >/dev/null || cannot "the node does not start"
}

down() {
	[ -z "${command:-}" ] || { kill -TERM -- "-$command" && wait "$command"; } 2>/dev/null || true
	[ -z "${REALNODE_DIR:-}" ] || { node down && rm -rf "$REALNODE_DIR"; }
}

# A machine may allow a node, but no containers in it.
check_containers() {
	kubectl run probe --image=realnode.local/pause:1 --image-pull-policy=Never --restart=Never
	if ! kubectl wait --for=condition=Ready pod/probe --timeout=2m; then
		kubectl describe pod probe
		cannot "containers do not start"
	fi
	kubectl delete pod probe --now --wait=false
}

kubectl() { "$programs/kubectl" "$@" >&2; }

# Nothing in the node restarts its API server, as a kubelet or systemd would elsewhere.
restart_api_server() {
	node exec sh -c '
		for pid in $(cd /proc && ls -d [0-9]*); do
			[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = kube-apiserver ] || continue
			tr "\0" "\n" <"/proc/$pid/cmdline" >/run/kube-apiserver.args
			kill -KILL "$pid"
			while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
			setsid xargs -d "\n" -a /run/kube-apiserver.args env >>"$REALNODE_DIR/logs/kube-apiserver.log" 2>&1 </dev/null &
			exit 0
		done
		exit 1'
}

main "$@"
