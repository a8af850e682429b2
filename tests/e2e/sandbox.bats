#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The sandbox of RUN by itself: sandbox_drive calls sandbox_run(). Root file systems of a busybox, and of a program of
# ours for both architectures.
# shellcheck disable=SC2016,SC2030,SC2031

load helper
eval "helper_$(declare -f setup)"

setup_file() {
	load helper
	need busybox busybox-static && need bwrap bubblewrap && need runc runc && need crun crun || return 1
	need qemu-aarch64-static qemu-user-static && need newuidmap uidmap && need setpriv util-linux || return 1
	need setfattr attr && need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu && need python3 python3 || return 1
	local img=$BATS_FILE_TMPDIR/image arm=$BATS_FILE_TMPDIR/arm a
	mkdir -p "$img/bin" "$arm/bin"
	cp "$(command -v busybox)" "$img/bin/busybox"
	for a in sh ls cat id echo touch mkdir rm chown chmod env hostname head wc mount ps stat sleep setsid kill mv find mknod \
		ip wget yes dd seq grep sort true false tr pwd nc cut test su printf; do
		ln -s busybox "$img/bin/$a"
	done
	cc -O1 -static -D_GNU_SOURCE -o "$img/bin/guest" "$BATS_TEST_DIRNAME/support/sandbox_guest.c"
	aarch64-linux-gnu-gcc -O1 -static -D_GNU_SOURCE -o "$arm/bin/guest" "$BATS_TEST_DIRNAME/support/sandbox_guest.c"
}

# box [OPTION...] COMMAND...: runs it over the image; sets $status, $out, $err; $T/r/upper is what it has changed
box() {
	[ ! -d "$T/r" ] || rm -rf "$T/r"
	mkdir -m 777 "$T/r"
	status=0
	"${AS[@]}" "$DRIVE" "${OPTS[@]}" "$T/r" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
	out=$(cat "$T/out")
	err=$(cat "$T/err")
}

setup() {
	helper_setup
	DRIVE=$SLSC_BUILD/tests/sandbox_drive
	IMG=$BATS_FILE_TMPDIR/image
	OPTS=(-l "$IMG" -e PATH=/bin)
	AS=()
	chmod 755 "$T"
}

# changed: paths in the upper directory
changed() {
	(cd "$T/r/upper" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort)
}

# nobody [range]: from here on the sandbox is made by a user without rights, who has a range of ids or has not, and
# whose the image is. In a chroot no user namespace can be made: then 1, after a look at how the sandbox says so.
nobody() {
	local ids=/dev/null
	if [ "${1:-}" = range ]; then
		ids=$T/ids
		echo "65534:200000:65536" >"$ids"
	fi
	cp -a "$IMG" "$T/image"
	cp -a "$BATS_FILE_TMPDIR/arm" "$T/arm"
	chown -R 65534:65534 "$T/image" "$T/arm"
	OPTS[1]=$T/image
	AS=(unshare -m sh -c 'ids=$0
		mount --bind "$ids" /etc/subuid && mount --bind "$ids" /etc/subgid &&
		exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' "$ids")
	unshare -U true 2>/dev/null && return 0
	box true
	is "$status" 200
	is "$err" "tool: cannot make a user namespace: Operation not permitted
hint: the kernel or this container forbids it (in a chroot it always does): see sysctl user.max_user_namespaces, \
kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns"
	return 1
}

# what a RUN starts with
START="ids 0 0 groups
umask 022
session own
signals 0
descriptors 3
terminals 0
no_new_privs 1"

# nothing_left: no mount of ours in any mount namespace of the machine
nothing_left() {
	is "$(grep -ls "$T/" /proc/[0-9]*/mountinfo)" ""
}

@test "a RUN starts with what Docker gives it: ids, umask, signals, no terminal, its environment and nothing else" {
	trap '' USR1
	OPTS+=(-e "A=b c" -e EMPTY= -c /bin)
	box guest state
	is "$status" 0
	is "$out" "$START"
	box env
	is "$out" "PATH=/bin
A=b c
EMPTY="
	box pwd
	is "$out" /bin
	box cat /proc/self/status
	is "$(grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' <<<"$out")" "CapInh:	0000000000000000
CapPrm:	00000000a80425fb
CapEff:	00000000a80425fb
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000"
	box hostname
	is "$out" buildkitsandbox
	OPTS+=(-h other)
	box hostname
	is "$out" other
}

@test "USER: ids and supplementary groups, and no capabilities" {
	OPTS+=(-u 1000 -g 1001 -G 7 -G 8)
	box guest state
	is "${out%%$'\n'*}" "ids 1000 1001 groups 7 8"
	box grep CapEff /proc/self/status
	is "$out" "CapEff:	0000000000000000"
	box touch /x
	is "$status" 1
	is "$out" "touch: /x: Permission denied"
}

@test "the end of a RUN: exit codes, signals, and what cannot be executed" {
	box sh -c 'exit 7'
	is "$status" 7
	is "$err" ""
	box sh -c 'kill -9 $$'
	is "$status" 137
	box nothing
	is "$status" 127
	is "$out" "nothing: not found in PATH (/bin)"
	box /bin/nothing
	is "$status" 127
	is "$out" "/bin/nothing: No such file or directory"
	box /bin
	is "$status" 126
	is "$out" "/bin: is a directory"
	cp -a "$IMG" "$T/image"
	OPTS[1]=$T/image
	echo text >"$T/image/bin/plain"
	box plain
	is "$status" 126
	is "$out" "/bin/plain: not executable by this user"
	chmod 755 "$T/image/bin/plain"
	box plain
	is "$status" 126
	is "$out" "/bin/plain: exec format error: not a program of this architecture, nor a script with #!"
	echo '#!/no/such/thing' >"$T/image/bin/plain"
	box plain
	is "$status" 127
	is "$out" "/bin/plain: the interpreter or dynamic loader that it names is not in the image"
	OPTS+=(-c /nowhere)
	box true
	is "$status" 126
	is "$out" "cannot enter the working directory /nowhere: No such file or directory"
}

@test "stdin is empty, or what is given; output comes by lines, both streams in order, however long" {
	box wc -c
	is "$out" 0
	OPTS+=(-i $'one\ntwo')
	box cat
	is "$out" $'one\ntwo'
	box sh -c 'echo a; echo b >&2; printf c'
	is "$out" $'a\nb\nc'
	box sh -c 'seq 100000'
	is "$out" "$(seq 100000)"
	box sh -c 'yes x | head -c 300000 | tr -d "\n"'
	is "$(tr -d '\n' <<<"$out" | wc -c)" 150000
	is "$(wc -l <<<"$out")" 3
}

@test "only what a RUN changes is in the upper directory: no mount points, and their parents as they were" {
	cp -a "$IMG" "$T/image"
	OPTS[1]=$T/image
	mkdir -m 2751 "$T/image/etc" && chown 12:34 "$T/image/etc" && touch -d @1000000 "$T/image/etc" "$T/image"
	setfattr -n user.colour -v red "$T/image/etc"
	chmod 711 "$T/image"
	touch -d @1000000 "$T/image"
	box sh -c 'ls /etc; stat -c "%a %u %g %Y" /etc; stat -c "%a %u %g %Y" /'
	is "$out" "hosts
resolv.conf
2751 12 34 1000000
711 0 0 1000000"
	is "$(changed)" ""
	is "$(stat -c '%a %u %g %Y' "$T/r/upper")" "711 0 0 1000000"
	box sh -c 'touch /etc/new /tmp-file; mkdir -p /a/b; rm /bin/cat'
	is "$status" 0
	is "$(changed)" "a
a/b
bin
bin/cat
etc
etc/new
tmp-file"
	is "$(stat -c '%a %u %g' "$T/r/upper/etc")" "2751 12 34"
	is "$(getfattr --only-values -n user.colour "$T/r/upper/etc")" red
	is "$(stat -c '%F %t:%T' "$T/r/upper/bin/cat")" "character special file 0:0"
}

@test "layers: whiteouts and opaque directories hide, mount points are there all the same; 127 of them" {
	mkdir -p "$T/l1/etc/d" "$T/l2/etc" "$T/l3/etc"
	touch "$T/l1/etc/hosts" "$T/l1/etc/resolv.conf" "$T/l1/etc/d/x" "$T/l1/etc/gone"
	mknod "$T/l2/etc/gone" c 0 0
	setfattr -n user.overlay.opaque -v y "$T/l3/etc"
	touch "$T/l3/etc/only"
	OPTS=(-l "$IMG" -l "$T/l1" -l "$T/l2" -e PATH=/bin)
	box ls /etc /etc/d
	is "$out" "/etc:
d
hosts
resolv.conf

/etc/d:
x"
	OPTS+=(-l "$T/l3")
	box ls /etc
	is "$out" "hosts
only
resolv.conf"
	OPTS=(-l "$IMG" -e PATH=/bin)
	for i in $(seq 126); do
		mkdir -p "$T/a long name, with a comma: and a colon/$i"
		echo "$i" >"$T/a long name, with a comma: and a colon/$i/f$i"
		echo "$i" >"$T/a long name, with a comma: and a colon/$i/last"
		OPTS+=(-l "$T/a long name, with a comma: and a colon/$i")
	done
	box sh -c 'cat /last; cat /f1 /f126; ls / | grep -c "^f"'
	is "$out" "126
1
126
126"
}

@test "mounts: of files and directories, read-only, in memory, to be thrown away; one in another; gone afterwards" {
	mkdir -p "$T/src/sub"
	echo one >"$T/src/f"
	OPTS+=(-m "bind:/a/b/dir:$T/src" -m "bind:/a/b/dir/made/file:$T/src/f:ro" -m tmpfs:/memory -m "overlay:/over:$T/src"
		-m "bind:/dev/extra:$T/src:ro" -m "bind:/secret:$T/src/f:ro")
	box sh -c 'cat /a/b/dir/made/file /secret /over/f /dev/extra/f
		echo x >/secret; echo x >/a/b/dir/made/file; echo x >/dev/extra/x
		echo two >/over/f; cat /over/f; echo new >/a/b/dir/new; echo m >/memory/m; stat -c %a /memory'
	is "$out" "one
one
one
one
sh: can't create /secret: Read-only file system
sh: can't create /a/b/dir/made/file: Read-only file system
sh: can't create /dev/extra/x: Read-only file system
two
1777"
	is "$(cat "$T/src/f")" one
	is "$(cat "$T/src/new")" new
	is "$(changed)" ""
}

@test "mounts: symlinks of the image are followed inside of it, and lead nowhere else" {
	cp -a "$IMG" "$T/image"
	OPTS[1]=$T/image
	mkdir -p "$T/image/run" "$T/image/var" "$T/image/etc" "$T/outside"
	ln -s /run "$T/image/var/run"
	ln -s ../../../../run/real/resolv.conf "$T/image/etc/resolv.conf"
	ln -s "/oldroot$T/outside/hosts" "$T/image/etc/hosts"
	ln -s "../..$T/outside/made" "$T/image/out"
	echo data >"$T/data"
	OPTS+=(-m "bind:/var/run/x:$T/data" -m "bind:/out/y:$T/data" -m "bind:/../../z:$T/data")
	box sh -c "cat /run/x /out/y /z; find /run /oldroot $T/outside -type f"
	is "$status" 0
	is "$out" "data
data
data
/run/x
/run/real/resolv.conf
/oldroot$T/outside/hosts
$T/outside/made/y"
	is "$(ls "$T/outside")" ""
	is "$(changed)" ""
	ln -s a "$T/image/b" && ln -s b "$T/image/a"
	OPTS+=(-m "bind:/a/x:$T/data")
	box true
	is "$status" 200
	is "$err" "limit: /a/x: too many symlinks"
}

@test "mounts below /dev: no way out by '..' or by a symlink that another mount brings" {
	cp -a "$IMG" "$T/image"
	mkdir -p "$T/outside" "$T/cache"
	chmod 777 "$T/outside"
	ln -s "/oldroot$T/outside" "$T/image/link"
	ln -s "/oldroot$T/outside" "$T/cache/link"
	local o
	for o in -n -o; do
		OPTS=(-l "$T/image" -e PATH=/bin "$o" -m "bind:/dev/../link/a:$T/cache")
		box ls "/oldroot$T/outside"
		is "$err" ""
		is "$out" a
		is "$(ls "$T/outside")" ""
		OPTS=(-l "$T/image" -e PATH=/bin "$o" -m "bind:/dev/x:$T/cache" -m "bind:/dev/x/link/b:$T/cache")
		box true
		is "$status" 200
		is "$err" "config: /dev/x/link/b: cannot mount inside of /dev/x, another mount below /dev"
		is "$(ls "$T/outside")" ""
		OPTS=(-l "$T/image" -e PATH=/bin "$o" -m "bind:/bin/../proc/sys:$T/cache")
		box true
		is "$err" "config: /proc/sys: cannot mount over what the sandbox has there itself"
	done
}

@test "an image whose /proc, /dev or /sys is no directory is refused, and what cannot be mounted is" {
	cp -a "$IMG" "$T/image"
	OPTS[1]=$T/image
	ln -s /oldroot/root "$T/image/proc"
	box true
	is "$status" 200
	is "$err" "build: /proc is a symlink in the image: it must be a directory"
	rm "$T/image/proc" && touch "$T/image/dev"
	box true
	is "$err" "build: cannot mount on /dev: it is not a directory in the image"
	rm "$T/image/dev"
	OPTS+=(-m "bind:/bin:$T/image/bin/busybox")
	box true
	is "$err" "build: cannot mount on /bin: it is a directory in the image"
	OPTS=(-l "$IMG" -m "bind:/x:$T/nothing")
	box true
	is "$err" "io: cannot mount $T/nothing: No such file or directory"
	OPTS=(-l "$IMG" -m "bind:/proc/x:$T")
	box true
	is "$err" "config: /proc/x: cannot mount over what the sandbox has there itself"
	OPTS=(-l "$IMG" -m "tmpfs:/bin/sh/x")
	box true
	is "$err" "notfound: /bin/sh/x: /bin/busybox is not a directory in the image"
}

@test "nothing of the machine is visible: files, processes, devices, settings" {
	echo secret >"$T/secret"
	box sh -c "ls /; ls /home /root $T /oldroot 2>&1; cat $T/secret"
	is "$status" 1
	is "$out" "bin
dev
etc
proc
sys
ls: /home: No such file or directory
ls: /root: No such file or directory
ls: $T: No such file or directory
ls: /oldroot: No such file or directory
cat: can't open '$T/secret': No such file or directory"
	box sh -c 'echo /proc/[0-9]*'
	is "$out" "/proc/1 /proc/2"
	box sh -c "kill -0 $$"
	is "$status" 1
	box sh -c 'ls /dev'
	is "$out" "core
fd
full
null
ptmx
pts
random
shm
stderr
stdin
stdout
tty
urandom
zero"
	box sh -c 'echo /tmp/x >/proc/sys/kernel/core_pattern; mkdir /sys/x; ls /sys/firmware /sys/fs /sys/kernel;
		mknod /disk b 254 0; head -c 1 /disk; cat /proc/1/environ; mount -t tmpfs none /bin'
	is "$out" "sh: can't create /proc/sys/kernel/core_pattern: Read-only file system
mkdir: can't create directory '/sys/x': Read-only file system
/sys/firmware:

/sys/fs:

/sys/kernel:
head: /disk: Permission denied
cat: can't open '/proc/1/environ': Permission denied
mount: permission denied (are you root?)"
	box guest calls
	is "$(grep -v ': EPERM$' <<<"$out")" ""
	is "$(wc -l <<<"$out")" 12
	is "$(grep -c "$T" <(box cat /proc/self/mountinfo && grep -v ' /etc/' "$T/out"))" 0
}

@test "network: the machine's with its names, or none but loopback" {
	[ -p "$T/port" ] || mkfifo "$T/port"
	python3 -u -c '
import http.server
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(s.server_address[1], flush=True)
s.serve_forever()' >"$T/port" 2>/dev/null 3>&- &
	local server=$! port
	read -r port <"$T/port"
	box wget -q -O - "http://127.0.0.1:$port/"
	kill "$server"
	is "$status" 1
	is "$out" "wget: can't connect to remote host (127.0.0.1): Connection refused"
	box sh -c 'ip -o addr | cut -d " " -f 2 | sort -u; cat /etc/hosts; wc -c </etc/resolv.conf'
	is "$out" "lo
127.0.0.1	localhost buildkitsandbox
::1	localhost ip6-localhost ip6-loopback
0"
	OPTS+=(-n)
	box cat /etc/resolv.conf
	is "$out" "$(cat /etc/resolv.conf)"
	box cat /etc/hosts
	has "$out" "$(cat /etc/hosts)"
	has "$out" "localhost buildkitsandbox"
	mkfifo "$T/port2"
	python3 -u -c '
import http.server, sys
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(s.server_address[1], flush=True)
s.handle_request()' >"$T/port2" 2>/dev/null 3>&- &
	read -r port <"$T/port2"
	box wget -q -O - "http://127.0.0.1:$port/"
	is "$status" 0
	wait $!
}

@test "daemons that a RUN leaves are ended with it, and the mounts are gone" {
	mkfifo "$T/fifo" && chmod 666 "$T/fifo"
	OPTS+=(-m "bind:/fifo:$T/fifo")
	local o
	for o in -n -o; do
		OPTS+=("$o")
		# cat ends when the last that has the FIFO open has gone
		cat "$T/fifo" 3>&- &
		box guest linger /fifo
		is "$err" ""
		is "$status" 0
		wait $!
		nothing_left
	done
}

# end_by SIGNAL [OPTION...]: starts a RUN, sends the signal when it runs, and waits until all that ran is gone
end_by() {
	local sig=$1 pid reader
	shift
	# what the one before has said is not for this one: the program may be slow to begin
	rm -rf "$T/r" "$T/fifo" "$T/said"
	mkdir -m 777 "$T/r" && mkfifo -m 666 "$T/fifo"
	"${AS[@]}" "$DRIVE" "${OPTS[@]}" "$@" -m "bind:/fifo:$T/fifo" "$T/r" sh -c \
		'guest linger /fifo; echo ready; trap "" TERM INT HUP; exec sleep 100000' >"$T/said" 2>"$T/err" 3>&- &
	pid=$!
	cat "$T/fifo" 3>&- &
	reader=$!
	until grep -qs ready "$T/said"; do
		kill -0 "$pid"
	done
	kill "-$sig" "$pid"
	status=0
	wait "$pid" || status=$?
	wait "$reader"
}

@test "interrupted: SIGINT and SIGTERM end all that runs inside, SIGKILL does so too" {
	local o s
	for o in -n -o; do
		for s in INT TERM; do
			# a background job of sh ignores SIGINT, unless it is told otherwise
			[ "$s" = INT ] && AS=(python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])')
			end_by "$s" "$o"
			AS=()
			is "$status" 200
			is "$(cat "$T/err")" "interrupted: interrupted"
			nothing_left
		done
		end_by KILL "$o"
		is "$status" 137
		is "$(grep -s "$T/" /proc/self/mountinfo)" ""
	done
}

@test "another architecture runs through qemu, of which the machine knows nothing" {
	OPTS=(-a arm64 -l "$BATS_FILE_TMPDIR/arm" -e PATH=/bin)
	if ! unshare -U true 2>/dev/null; then
		box /bin/guest machine 1
		is "$status" 200
		has "$err" "tool: programs for arm64 cannot run on this machine: cannot make a user namespace"
		return
	fi
	ls /proc/sys/fs/binfmt_misc >"$T/before"
	box /bin/guest machine 3
	is "$err" ""
	is "$out" aarch64
	is "$status" 0
	is "$(ls /proc/sys/fs/binfmt_misc)" "$(cat "$T/before")"
	box guest state
	is "${out%%$'\n'*}" "ids 0 0 groups"
	OPTS+=(-u 1000 -g 1000)
	box guest state
	is "${out%%$'\n'*}" "ids 1000 1000 groups"
	OPTS=(-o -a arm64 -l "$BATS_FILE_TMPDIR/arm" -e PATH=/bin)
	box /bin/guest machine 2
	is "$err" ""
	is "$out" aarch64
	# other programs need none of it, and without qemu there is a word about it
	mkdir "$T/few" && ln -s "$(command -v bwrap)" "$T/few/bwrap"
	OPTS=(-a arm64 -l "$BATS_FILE_TMPDIR/arm" -e PATH=/bin)
	AS=(env "PATH=$T/few")
	box /bin/guest machine 1
	is "$status" 200
	is "$err" "tool: 'qemu-aarch64-static' is not found on PATH: a RUN for arm64 needs it here
hint: apt-get install qemu-user-static"
}

@test "without root and with one id: all files are the user's, chown only seems to work, USER is refused" {
	nobody || return 0
	box sh -c 'touch /x; chown 5:6 /x; stat -c "%u %g" /x; cat /proc/self/uid_map | tr -s " "; mkdir /d; id'
	is "$err" ""
	is "$out" "0 0
 0 65534 1
uid=0 gid=0"
	is "$(changed)" "d
x"
	is "$(stat -c '%u %g' "$T/r/upper/x")" "65534 65534"
	box guest calls
	is "$(grep -v ': EPERM$' <<<"$out")" ""
	# apt stays root, where there is an apt
	mkdir -p "$T/image/etc/apt/apt.conf.d"
	box cat /etc/apt/apt.conf.d/zz-slsc-one-id
	is "$out" 'APT::Sandbox::User "root";'
	OPTS+=(-u 1000)
	box true
	is "$status" 200
	is "$err" "tool: cannot run as user 1000:0: no other ids than your own are mapped
hint: get a range: apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \$USER"
	OPTS=(-a arm64 -l "$T/arm" -e PATH=/bin)
	box /bin/guest machine 2
	is "$err" ""
	is "$out" aarch64
}

@test "without root and with a range of ids: owners and users as in the image" {
	nobody range || return 0
	box sh -c 'touch /x; chown 5:6 /x; stat -c "%u %g" /x; cat /proc/self/uid_map | tr -s " "'
	is "$err" ""
	is "$out" "5 6
 0 65534 1
 1 200000 65535"
	is "$(stat -c '%u %g' "$T/r/upper/x")" "200004 200005"
	OPTS+=(-u 1000 -g 1001 -G 7)
	box guest state
	is "${out%%$'\n'*}" "ids 1000 1001 groups 7"
	OPTS+=(-u 100000)
	box true
	is "$status" 200
	is "$err" "tool: cannot set up the sandbox: the user id: Invalid argument
hint: give this user more ids: usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST NAME"
	OPTS=(-o -l "$T/image" -e PATH=/bin)
	box sh -c 'touch /x; chown 5:6 /x; stat -c "%u %g" /x'
	is "$err" ""
	is "$out" "5 6"
	OPTS=(-a arm64 -l "$T/arm" -e PATH=/bin)
	box /bin/guest machine 2
	is "$out" aarch64
}

@test "without root: interrupted, all is gone, too" {
	nobody || return 0
	AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	local o
	for o in -n -o; do
		end_by TERM "$o"
		is "$(cat "$T/err")" "interrupted: interrupted"
		nothing_left
		end_by KILL "$o"
		is "$status" 137
	done
}

@test "an OCI runtime instead: the same start, the same view" {
	OPTS+=(-o)
	box guest state
	is "$err" ""
	is "$status" 0
	is "$out" "$START"
	box sh -c 'touch /x; ls /; hostname; echo >/dev/null; ip -o addr | cut -d " " -f 2 | sort -u; exit 5'
	is "$status" 5
	is "$out" "bin
dev
etc
proc
sys
x
buildkitsandbox
lo"
	is "$(changed)" x
	box sh -c 'echo /tmp/x >/proc/sys/kernel/core_pattern; mknod /dev/disk b 254 0; head -c 1 /dev/disk; cat /proc/keys'
	is "$out" "sh: can't create /proc/sys/kernel/core_pattern: Read-only file system
head: /dev/disk: Permission denied"
	box guest calls
	is "$(grep -v ': EPERM$' <<<"$out")" ""
	mkdir "$T/few"
	ln -s "$(command -v runc)" "$T/few/runc"
	AS=(env "PATH=$T/few")
	box true
	is "$status" 0
	rm "$T/few/runc"
	box true
	is "$status" 200
	is "$err" "tool: neither 'crun' nor 'runc' is found on PATH
hint: apt-get install crun"
}

@test "what the machine lacks is named: bwrap, a file system that can carry layers" {
	mkdir "$T/few"
	AS=(env "PATH=$T/few")
	box true
	is "$status" 200
	is "$err" "tool: 'bwrap' is not found on PATH
hint: apt-get install bubblewrap"
	printf '#!/bin/sh\necho "bwrap: not today" >&2\nexit 1\n' >"$T/few/bwrap"
	chmod 755 "$T/few/bwrap"
	box true
	is "$err" "tool: bubblewrap cannot make the sandbox: bwrap: not today
hint: slsc doctor says what this machine lacks"
	AS=(unshare -m sh -c 'mount -t ramfs none "$0" && chmod 777 "$0" && exec "$@"' "$T/r")
	box true
	is "$err" "tool: $T/r/upper: its file system has no extended attributes of users, which overlayfs needs
hint: let SLSC_CACHE_DIR name a directory of ext4, xfs, btrfs or, since Linux 6.6, tmpfs"
	mkdir "$T/ol" "$T/ou" "$T/ow"
	AS=(unshare -m sh -c 'mount -t overlay -o "lowerdir=$0/ol,upperdir=$0/ou,workdir=$0/ow" none "$0/r" && chmod 777 "$0/r" &&
		exec "$@"' "$T")
	box true
	is "$err" "tool: $T/r/upper: lies on overlayfs, which cannot carry another overlay
hint: let SLSC_CACHE_DIR name a directory of ext4, xfs, btrfs or, since Linux 6.6, tmpfs"
}

@test "the hidden command is for slsc alone" {
	slsc_run _sandbox 60
	is "$status" 2
	is "$err" "error: _sandbox is for slsc itself"
	slsc_run _sandbox
	is "$status" 2
}

@test "doctor says what RUN has here, and what it lacks" {
	slsc_run doctor --no-fetch
	has "$out" "RUN OF A DOCKERFILE    STATE"
	has "$out" "RUN                    works    overlayfs and bubblewrap"
	has "$out" "RUN by an OCI runtime  works    crun or runc"
	mkdir "$T/few"
	AS=(env "PATH=$T/few")
	OPTS=(-P)
	box
	has "$out" "RUN: missing needed: 'bwrap' is not found on PATH [apt-get install bubblewrap]"
	has "$out" "RUN by an OCI runtime: missing: neither 'crun' nor 'runc' is found on PATH [apt-get install crun]"
	nobody || return 0
	OPTS=(-P)
	export SLSC_CACHE_DIR=$T/r
	box
	has "$out" "user namespaces: ok needed: RUN without root []"
	has "$out" "range of user ids: missing: none in /etc/subuid and /etc/subgid, or no newuidmap: all files are yours, and \
USER fails [get a range: apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \$USER]"
	has "$out" "RUN: ok needed: overlayfs and bubblewrap []"
	has "$out" "RUN for arm64: ok: qemu-aarch64-static []"
	is "$(ls "$T/r")" ""
}
