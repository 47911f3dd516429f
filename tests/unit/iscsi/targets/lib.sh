# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154 # set and read by those scripts
# For the scripts that try the protocol library on a real target on loopback. They set
# `probe` and end with `failed`; a target that they start is `daemon`, its files are
# in $work.
failed=0
daemon=
work=$(mktemp -d)

# shellcheck disable=SC2317 # called by the trap
end_target() {
	[ -n "$daemon" ] && kill -9 "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null
	rm -rf "$work"
}
trap end_target EXIT

# can_run PROGRAM...: otherwise the test is skipped.
can_run() {
	local program
	for program; do
		if [ "$(id -u)" != 0 ] || ! command -v "$program" >/dev/null; then
			echo "needs root and $program"
			exit 77
		fi
	done
}

# until_it COMMAND...: half a minute for it to succeed, while the target lives.
until_it() {
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.1
	done
	echo "the target did not come up:"
	cat "$work/log"
	exit 1
}

# expect WANTED-STATUS WANTED-LINE... -- PROBE-ARGUMENT...
expect() {
	local status=$1 lines=() got
	shift
	while [ "$1" != -- ]; do lines+=("$1") && shift; done
	shift
	got=$("$probe" "$@")
	local rc=$?
	[ $rc = "$status" ] || lines+=("(exit status $status, not $rc)")
	for line in "${lines[@]}"; do
		if ! grep -qF -- "$line" <<<"$got"; then
			printf 'not ok: %s\n  wanted: %s\n%s\n' "$*" "$line" "$got"
			failed=1
			return
		fi
	done
	printf 'ok: %s\n' "$*"
}
