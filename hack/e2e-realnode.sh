#!/usr/bin/env bash
# Runs a command with a cluster of one real node: containerd, a kubelet and all else, on
# a Linux machine as root, without a container engine. What brings up the node is a tool
# of its own, in the folder $REALNODE.
#
#   hack/e2e-realnode.sh make e2e
#
# It ends with 77 where such a node cannot run, and says why. The node is taken down
# whatever happens. Its programs are compiled once, into bin/.
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
	set -m # a process group of its own, so that it can be ended whole
	"$@" &
	command=$!
	local status=0
	wait "$command" || status=$?
	command=
	exit "$status"
}

cannot() {
	echo "No real node here: $*" >&2
	exit $unable
}

# The node is namespaces, mounts and cgroups of this machine.
check_machine() {
	[ -x "$realnode/realnode" ] || cannot "there is no folder $realnode; REALNODE names another"
	[ "$(uname -s)" = Linux ] || cannot "this is not Linux"
	[ "$(id -u)" = 0 ] || cannot "it needs root"
	install_missing
	unshare --pid --mount --net --uts --ipc --fork mount -t tmpfs none /mnt 2>/dev/null ||
		cannot "this machine allows no namespaces and mounts"
	local cgroups=/sys/fs/cgroup
	[ -e $cgroups/cgroup.controllers ] || cgroups=$cgroups/memory
	{ mkdir "$cgroups/e2e-$$" && rmdir "$cgroups/e2e-$$"; } 2>/dev/null || cannot "this machine allows no cgroups"
}

install_missing() {
	local missing=() pair
	PATH=$PATH:/usr/sbin:/sbin
	for pair in runc:runc ip:iproute2 iptables:iptables nsenter:util-linux unshare:util-linux; do
		command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || cannot "${missing[*]} must be installed"
	echo "Installing ${missing[*]} ..."
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
		>"$programs.log" 2>&1 || cannot "${missing[*]} cannot be installed, see $programs.log"
}

# Compiles anew only when what is pinned has changed.
compile_programs() {
	local pinned
	pinned=$(cd "$realnode/build" && find . -type f | sort | xargs sha256sum)
	[ "$(cat "$programs/pinned" 2>/dev/null)" != "$pinned" ] || return 0
	echo "Compiling the programs of a node, once: a quarter of an hour on two cores ..."
	rm -rf "$programs.source"
	cp -r "$realnode/build" "$programs.source" # compiling writes to it
	"$programs.source/build.sh" "$programs" >"$programs.log" 2>&1 ||
		cannot "its programs cannot be compiled, see $programs.log"
	echo "$pinned" >"$programs/pinned"
}

node() { REALNODE_BIN=$programs REALNODE_BUILD=$programs-tools "$realnode/realnode" "$@"; }

up() {
	REALNODE_DIR=$(mktemp -d)
	export REALNODE_DIR KUBECONFIG=$REALNODE_DIR/kubeconfig
	chmod 755 "$REALNODE_DIR"
	node up >/dev/null || cannot "it does not come up"
}

down() {
	[ -z "${command:-}" ] || { kill -TERM -- "-$command" && wait "$command"; } 2>/dev/null || true
	[ -z "${REALNODE_DIR:-}" ] || { node down && rm -rf "$REALNODE_DIR"; }
}

# A machine may let a node be, and no container.
check_containers() {
	kubectl run probe --image=realnode.local/pause:1 --image-pull-policy=Never --restart=Never
	if ! kubectl wait --for=condition=Ready pod/probe --timeout=2m; then
		kubectl describe pod probe
		cannot "containers do not start"
	fi
	kubectl delete pod probe --now --wait=false
}

kubectl() { "$programs/kubectl" "$@" >&2; }

# Nothing in the node starts its API server again, as a kubelet or systemd would elsewhere.
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
