#!/usr/bin/env bash
# Prints the path of Chromium, and installs Debian's where there is none and that can
# be done. Otherwise it says on its last line what is lacking, and fails.
set -euo pipefail

"$(dirname "$0")"/../debian/install.sh chromium chromium
command -v chromium
