#!/usr/bin/env bash
# Installs Debian's prometheus and promtool where they are lacking and that can be done.
# Otherwise it says on its last line what is lacking, and fails.
set -euo pipefail

if ! command -v prometheus >/dev/null || ! command -v promtool >/dev/null; then
	if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
		echo "there is no prometheus, and installing it takes root and apt-get" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >&2
	apt-get install -q -y --no-install-recommends prometheus >&2
fi
