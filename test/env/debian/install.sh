#!/usr/bin/env bash
# install.sh PACKAGE COMMAND... installs a package of Debian's, unless all the commands that it
# is wanted for are there. Where that cannot be done it says on its last line what is lacking,
# and fails.
set -euo pipefail
package=$1
shift

lacking() {
	for command in "$@"; do
		command -v "$command" >/dev/null || return 0
	done
	return 1
}

if lacking "$@"; then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "there is no $package, and installing it takes root and apt-get" >&2
		exit 1
	fi
	# Tests of several packages run at once, and apt-get does not wait for another.
	exec 9>/tmp/billing-operator-apt.lock
	flock 9
	if lacking "$@"; then
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -q >&2
		apt-get install -q -y --no-install-recommends "$package" >&2
	fi
fi
