#!/usr/bin/env bats
# launcher: icecc with its scheduler and daemons, in network namespaces of their own. A daemon first packs the compiler
# and all it needs, and none takes work while its machine is busy: this may take minutes.

load helper
load launcher_helper

# logged FILE WORDS PID: until the daemon has said so
logged() {
	until grep -q "$2" "$1" 2>/dev/null; do kill -0 "$3"; done
}

@test "icecc: another host compiles, and it is the same to the bit" {
	need iceccd icecc
	reference checkout
	client
	checkout "$T/a" icecc
	chmod 711 "$T"
	mkdir -m 777 "$T/ice"
	nsenter -t "$client" -n icecc-scheduler -n slsc-test -l "$T/ice/scheduler.log" -vv 3>&- &
	pids+=($!)
	host 1 env ICECC_TEST_SOCKET="$T/ice/socket1" iceccd -n slsc-test -s 10.77.1.1 -N host -m 4 -b "$T/ice/base1" \
		-l "$T/ice/host1.log" -vv
	export ICECC_TEST_SOCKET=$T/ice/socket0
	nsenter -t "$client" -n env ICECC_ENV_COMPRESSION=none iceccd -n slsc-test -s 10.77.1.1 -N client -m 0 -b "$T/ice/base0" -l "$T/ice/host0.log" -vv 3>&- &
	pids+=($!)
	logged "$T/ice/host0.log" 'Connected to scheduler' "${pids[-1]}"
	logged "$T/ice/host1.log" 'Connected to scheduler' "${host[1]}"
	build
	is "$status" 0
	is "$err" ""
	is "$(launched name elsewhere fell_back)" "icecc 4 0"
	same_as_reference
}
