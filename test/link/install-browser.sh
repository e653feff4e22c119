#!/usr/bin/env bash
# Prints the path of Chromium, and installs Debian's where there is none and that can
# be done. Otherwise it says on its last line what is lacking, and fails.
set -euo pipefail

if ! command -v chromium >/dev/null; then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "there is no chromium, and installing it takes root and apt-get" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >&2
	apt-get install -q -y --no-install-recommends chromium >&2
fi
command -v chromium
