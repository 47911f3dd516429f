# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What every script here shares. Source it after `set -euo pipefail`.

# shellcheck disable=SC2034 # for the scripts that source this file
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Outside the clone, so that a fresh clone finds what an older one built.

# shellcheck disable=SC2034
cache=${HAWSER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hawser}
me=$(basename "$0")

say() { echo "$me: $*" >&2; }
die() { say "$*"; exit 1; }

# Holds a lock of the cache until the script ends, so that two builds of one
# thing become one build and one wait.
lock_cache() {
	local name=$1

	mkdir -p "$cache"
	exec {lock_fd}>"$cache/.lock-$name"
	flock "$lock_fd"
}

# Runs a command with its output in a file, shown only when the command fails.
logged() {
	local log=$1
	shift

	if ! "$@" >>"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "failed: $1 (whole log: $log)"
	fi
}

# The kernel release whose headers lie in /usr/src for the stock kernel.
stock_release() {
	local config

	for config in /boot/config-6.1.*-amd64; do
		[[ -e $config ]] || die "no 6.1 kernel in /boot: run scripts/install-deps"
	done
	# The newest one: the glob is sorted by name, ABI numbers have two digits.
	basename "$config" | sed 's/^config-//'
}
