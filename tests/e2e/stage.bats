#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Dockerfiles: stages, steps, the cache, what comes out, and what is said when something is wrong.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err, stage_helper.bash $base
load helper
load stage_helper

end_stage() {
	[ -z "${running:-}" ] || kill "$running"
	[ -z "${small:-}" ] || umount "$small"
}
at_end+=(end_stage)

# small_disk: a file system of some megabytes at $small that overlayfs can write to; tmpfs can be since Linux 6.6
small_disk() {
	need setfattr attr
	mkdir "$T/small"
	small=$T/small
	mount -t tmpfs -o size=8m none "$small"
	setfattr -n user.x -v y "$small" 2>/dev/null && return
	umount "$small"
	need mkfs.ext4 e2fsprogs
	truncate -s 10M "$T/disk"
	mkfs.ext4 -q "$T/disk"
	mount -o loop "$T/disk" "$small"
}

@test "files from the context make a layer; the same files are the same bytes, whenever they were written" {
	stage_setup
	mkdir app
	echo one >app/a
	echo two >app/b
	chmod 755 app/b
	printf 'FROM scratch\nCOPY app /srv/app\nCMD ["/srv/app/b"]\n' >Dockerfile
	slsc_run build -f Dockerfile -o "oci:$T/out.oci" .
	is "$status" 0
	is "$(layer 0)" "drwxr-xr-x 0/0 0 1980-01-01 00:00 srv/
drwxr-xr-x 0/0 0 1980-01-01 00:00 srv/app/
-rw-r--r-- 0/0 4 1980-01-01 00:00 srv/app/a
-rwxr-xr-x 0/0 4 1980-01-01 00:00 srv/app/b"
	is "$(built_config | jq -c '.config.Cmd')" '["/srv/app/b"]'
	is "$(built_config | jq -c '[.history[].created_by]')" '["COPY app /srv/app","CMD [\"/srv/app/b\"]"]'
	first=$(cat "$T/out.oci/index.json")
	touch -d '1999-01-01' app/a app/b app
	SLSC_CACHE_DIR=$T/other slsc_run build -f Dockerfile -o "oci:$T/out.oci" .
	is "$status" 0
	is "$(cat "$T/out.oci/index.json")" "$first"
	no_leftovers "$T"
}

@test "only the stages that the target needs run, and what they make is copied" {
	stage_setup
	text='FROM base AS unused
RUN touch /unused-ran && false
FROM base AS builder
ARG WORD=hi
RUN mkdir /out && echo "$WORD there" >/out/word
FROM scratch AS final
COPY --from=builder /out/word /word'
	build <<<"$text"
	is "$status" 0
	is "$(in_layer 0 word)" "hi there"
	is "$(built | jq '.layers | length')" 1
	build --build-arg WORD=ho <<<"$text"
	is "$status" 0
	is "$(in_layer 0 word)" "ho there"
	build --target unused <<<"$text"
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: stage unused: RUN: exit code 1"
}

@test "what ran before is cached, by contents and not by times; --explain says why a step runs again" {
	stage_setup
	echo 1 >src
	echo unrelated >other
	text='FROM base
ENV MODE=fast
COPY src /src
RUN cat /src >/copy
RUN echo "$MODE" >/mode
'
	build --json <<<"$text"
	is "$status" 0
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[3,0]"
	first=$(jq -r .digest <<<"$out")
	touch -d 2001-01-01 src
	echo changed >other
	build --json <<<"$text"
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[3,3]"
	is "$(jq -r .digest <<<"$out")" "$first"
	echo 2 >src
	build --explain <<<"$text"
	is "$status" 0
	has "$err" "it runs because changed: the files that are copied"
	has "$err" "[stage-0 3/4] it runs because changed: what is below"
	build --explain <<<"${text/fast/slow}"
	is "$status" 0
	is "$(grep -c 'it runs because' <<<"$err")" 2
	has "$err" "changed: the environment or a build argument"
	build --explain --no-cache <<<"${text/fast/slow}"
	has "$err" "it runs because --no-cache was given"
}

@test "a stage that is built anew but gives the same leaves what stands on it cached" {
	stage_setup
	echo 1 >src
	text='FROM base AS builder
COPY src /src
RUN echo constant >/out
FROM base
COPY --from=builder /out /out
RUN wc -c /out >/count
'
	build <<<"$text"
	is "$status" 0
	echo 2 >src
	build --explain <<<"$text"
	is "$status" 0
	has "$err" "[builder 2/2] RUN"
	case $err in *"RUN /bin/sh -c wc"*) echo "$err" >&2; return 1 ;; esac
}

@test "a failing RUN: its place, its exit code, the end of what it said; nothing is left" {
	stage_setup
	build <<-'EOF'
		FROM base AS builder
		RUN echo before; echo trouble >&2; exit 7
	EOF
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: stage builder: RUN: exit code 7
  before
  trouble
hint: what it ran on: \`slsc build -f Dockerfile --until 2 -o dir:DIR ...\` writes it out"
	[ ! -e "$T/out.oci" ]
	is "$(find "$SLSC_CACHE_DIR/stage/run" -mindepth 1 2>/dev/null)" ""
	slsc_run build -f Dockerfile --base "base=oci:$base" --until 2 -o "dir:$T/rootfs" .
	is "$status" 0
	[ -x "$T/rootfs/bin/busybox" ]
}

@test "what a RUN changes: files gone, directories replaced, hard links, modes, owners" {
	stage_setup
	build <<-'EOF'
		FROM base
		RUN mkdir -p /d/old /e && echo x >/d/old/f && echo y >/e/keep && echo z >/gone && ln /e/keep /e/a-twin
		RUN rm /gone && rm -r /d && mkdir /d && echo new >/d/f && chmod 600 /e/keep && chown 1000:50 /d/f
	EOF
	is "$status" 0
	is "$(layer 1)" "drwxr-xr-x 0/0 0 1980-01-01 00:00 d/
drwxr-xr-x 0/0 0 1980-01-01 00:00 d/old/
-rw-r--r-- 0/0 2 1980-01-01 00:00 d/old/f
drwxr-xr-x 0/0 0 1980-01-01 00:00 e/
-rw-r--r-- 0/0 2 1980-01-01 00:00 e/a-twin
hrw-r--r-- 0/0 0 1980-01-01 00:00 e/keep link to e/a-twin
-rw-r--r-- 0/0 2 1980-01-01 00:00 gone"
	is "$(layer 2)" "---------- 0/0 0 1980-01-01 00:00 .wh.gone
drwxr-xr-x 0/0 0 1980-01-01 00:00 d/
---------- 0/0 0 1980-01-01 00:00 d/.wh..wh..opq
-rw-r--r-- 1000/50 4 1980-01-01 00:00 d/f
drwxr-xr-x 0/0 0 1980-01-01 00:00 e/
-rw------- 0/0 2 1980-01-01 00:00 e/keep"
}

@test "wrong references: each has its place and a way out" {
	stage_setup
	build <<<$'FROM base AS builder\nFROM scratch\nCOPY --from=bulider /x /x'
	is "$status" 1
	has "$err" "error: Dockerfile:3:"
	has "$err" "hint: did you mean stage 'builder'?"
	build <<<$'FROM scratch AS a\nCOPY --from=b /x /x\nFROM scratch AS b\nCOPY --from=a /x /x'
	is "$status" 1
	has "$err" "depends on itself, through what it copies from"
	build <<<$'FROM scratch\nCOPY ../secret /x'
	is "$status" 1
	has "$err" "error: Dockerfile:2:"
	build <<<$'FROM scratch\nCOPY nothing /x'
	is "$status" 1
	has "$err" "error: Dockerfile:2:"
	has "$err" "'nothing' is not in the build context"
	build --target nope <<<$'FROM scratch AS nine\nCOPY Dockerfile /x'
	is "$status" 2
	has "$err" "error: Dockerfile has no stage 'nope'"
	build <<<$'FROM scratch\nRUNN true'
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: unknown instruction 'RUNN'"
	[ ! -e "$T/out.oci" ]
}

@test "a build argument that nobody asks for is told" {
	stage_setup
	echo x >x
	build --build-arg VERSOIN=2 <<<$'FROM scratch\nARG VERSION\nCOPY x /x'
	is "$status" 0
	has "$err" "warning: --build-arg VERSOIN: no ARG of the stages that are built asks for it; did you mean VERSION?"
}

# secret_in FILES: those of the list whose bytes, or what they are when unpacked, have $secret in them
secret_in() {
	local f
	while IFS= read -r f; do
		! { cat "$f"; gzip -dcf "$f" 2>/dev/null; } | grep -aFq "$secret" || echo "$f"
	done <"$1"
}

@test "a secret is seen by its step alone: in no other process, and in no file afterwards" {
	stage_setup
	local secret=s3cr3t-$RANDOM$RANDOM$RANDOM status=0 pid p
	printf %s "$secret" >"$T/secret"
	cat >Dockerfile <<-'EOF'
		FROM base
		RUN --mount=type=secret,id=token wc -c /run/secrets/token >/length && stat -c %a /run/secrets/token >/mode
		RUN --mount=type=secret,id=token,target=/etc/key,mode=0440 wc -c /etc/key >/target
		RUN --mount=type=secret,id=token,env=TOKEN --mount=type=cache,target=/c echo ${#TOKEN} >/env && mkfifo /c/go && \
			echo started && cat /c/go; true
		RUN test ! -e /run/secrets && test ! -e /etc/key && test -z "$TOKEN"
	EOF
	"$SLSC_BIN" build -v -f Dockerfile --base "base=oci:$base" --secret id=token,src="$T/secret" -o "oci:$T/out.oci" \
		--cache-to "oci:$T/shared" . >"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	running=$pid
	until grep -q '| started' "$T/err"; do
		kill -0 $pid
		read -rt 0.02 <> <(:) || true
	done
	# while the step runs: in nobody's arguments, and in the environment of nobody but its own processes
	cat /proc/[0-9]*/cmdline >"$T/arguments" 2>/dev/null || true
	[ "$(grep -ac 'mkfifo /c/go' "$T/arguments")" -gt 0 ]
	is "$(grep -aFc "$secret" "$T/arguments")" 0
	for p in /proc/[0-9]*; do
		# pid 1 of the sandbox is slsc's
		[ "$(awk '/^NSpid:/ { print (NF > 2 && $NF != 1) }' "$p/status" 2>/dev/null)" != 1 ] || continue
		grep -aFqs "$secret" "$p/environ" && { echo "it is in $p/environ: $(tr '\0' ' ' <"$p/cmdline")"; return 1; }
	done
	find "$T" -type f ! -path "$T/secret" >"$T/files"
	is "$(secret_in "$T/files")" ""
	echo >"$(find "$SLSC_CACHE_DIR/stage/mounts" -name go)"
	wait $pid || status=$?
	running=
	is "$status" 0
	is "$(in_layer 1 length)" "${#secret} /run/secrets/token"
	is "$(in_layer 1 mode)" 400
	is "$(in_layer 2 target)" "${#secret} /etc/key"
	is "$(in_layer 3 env)" "${#secret}"
	rm "$T/secret"
	find "$T" -type f >"$T/files"
	grep -q "^$T/shared/blobs/" "$T/files"
	is "$(secret_in "$T/files")" ""
	build <<-'EOF'
		FROM base
		RUN --mount=type=secret,id=other,required=true cat /run/secrets/other
	EOF
	is "$status" 1
	has "$err" "error: Dockerfile:2:"
	has "$err" "there is no secret 'other'"
	has "$err" "hint: give it by --secret id=other,src=FILE"
}

@test "mounts: the context, another stage, a cache that stays, a file system in memory" {
	stage_setup
	echo in-context >file
	echo hidden >ignored
	echo ignored >.dockerignore
	build <<-'EOF'
		FROM base AS other
		RUN echo from-other >/word
		FROM base
		RUN --mount=type=bind,target=/ctx cat /ctx/file >/a && test ! -e /ctx/ignored
		RUN --mount=type=bind,from=other,source=/word,target=/w cat /w >/b
		RUN --mount=type=cache,target=/cache echo kept >/cache/x
		RUN --mount=type=cache,target=/cache cat /cache/x >/c
		RUN --mount=type=tmpfs,target=/mem echo m >/mem/x && cat /mem/x >/d
		RUN --mount=type=bind,target=/ctx,rw echo lost >/ctx/new && cat /ctx/new >/e
	EOF
	is "$status" 0
	is "$(in_layer 1 a)" in-context
	is "$(in_layer 2 b)" from-other
	is "$(in_layer 3 c)" kept
	is "$(in_layer 4 d)" m
	is "$(in_layer 5 e)" lost
	[ ! -e new ]
	# mount points are no part of what a step made
	is "$(layer 1)" "-rw-r--r-- 0/0 11 1980-01-01 00:00 a"
}

@test "lines that end as those of a terminal are shown as others" {
	stage_setup
	build <<-'EOF'
		FROM base
		RUN printf 'one\r\ntwo\n\r\nthree' && false
	EOF
	is "$status" 1
	is "$(sed -n 's/^\[stage-0 1\/1\] | /+/p' "$T/err")" "+one
+two
+
+three"
	has "$err" "exit code 1
  one
  two
  
  three"
}

@test "what a step leaves running is ended with it" {
	stage_setup
	mark=$RANDOM$RANDOM
	build <<-EOF
		FROM base
		RUN (setsid nohup sleep 9$mark >/dev/null 2>&1 &) ; echo started >/started
	EOF
	is "$status" 0
	is "$(grep -lsa "9$mark" /proc/[0-9]*/cmdline)" ""
}

@test "the network can be forbidden" {
	stage_setup
	build --network none <<-'EOF'
		FROM base
		RUN cat /proc/net/dev >/nets
	EOF
	is "$status" 0
	is "$(in_layer -1 nets | grep -c ':')" 1
	build <<-'EOF'
		FROM base
		RUN --network=none cat /proc/net/dev >/nets
	EOF
	is "$(in_layer -1 nets | grep -c ':')" 1
}

@test "the host is not there" {
	stage_setup
	echo private >"$T/home/private"
	build <<-EOF
		FROM base
		RUN test ! -e $T && test ! -e /usr/bin/env && ls / >/tmp/all && ps >/ps && hostname >/host
	EOF
	is "$status" 0
	is "$(in_layer -1 tmp/all)" "bin
dev
etc
proc
root
sys
tmp"
}

@test "outputs: archives that others read, a directory, one layer" {
	need skopeo skopeo
	stage_setup
	text=$'FROM base\nRUN echo hi >/hi && mkdir /sub && echo x >/sub/x\nRUN rm /sub/x\nLABEL a=b'
	build -t demo/app:1.2 <<<"$text"
	is "$status" 0
	is "$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$T/out.oci/index.json")" 1.2
	digest=$(jq -r '.manifests[0].digest' "$T/out.oci/index.json")
	slsc_run build -f Dockerfile --base "base=oci:$base" -t demo/app:1.2 -o "oci-archive:$T/a.tar" .
	is "$status" 0
	is "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$T/a.tar")" "$digest"
	slsc_run build -f Dockerfile --base "base=oci:$base" -t demo/app:1.2 -o "docker-archive:$T/d.tar" .
	is "$status" 0
	is "$(skopeo inspect --config "docker-archive:$T/d.tar:demo/app:1.2" | jq -r '.config.Labels.a')" b
	slsc_run build -f Dockerfile --base "base=oci:$base" -o "dir:$T/root" .
	is "$status" 0
	is "$(cat "$T/root/hi")" hi
	is "$(ls -A "$T/root/sub")" ""
	build --squash <<<"$text"
	is "$status" 0
	is "$(built latest | jq '.layers | length')" 1
	case $(layer 0) in *.wh.*) return 1 ;; esac
	is "$(in_layer 0 hi)" hi
}

@test "--print shows the stages, as text and for dot" {
	stage_setup
	text=$'FROM base AS builder\nRUN make\nFROM scratch\nCOPY --from=builder /x /x'
	build --print plan <<<"$text"
	is "$status" 0
	is "$out" "builder (amd64) from base
  1  RUN /bin/sh -c make
stage-1 (amd64) from scratch
  1  COPY /x /x  [from builder]"
	build --print graph <<<"$text"
	is "$status" 0
	is "$(head -n 1 <<<"$out")" "digraph build {"
	[ ! -e "$T/out.oci" ]
}

@test "a cache elsewhere: another machine need not run what this one has" {
	stage_setup
	text=$'FROM base AS builder\nRUN echo built >/out\nFROM scratch\nCOPY --from=builder /out /out'
	build --cache-to "oci:$T/shared" <<<"$text"
	is "$status" 0
	rm -rf "$T/out.oci"
	SLSC_CACHE_DIR=$T/elsewhere build --cache-from "oci:$T/shared" --json <<<"$text"
	is "$status" 0
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[2,2]"
	is "$(in_layer 0 out)" built
	SLSC_CACHE_DIR=$T/third build --cache-from "oci:$T/none" <<<"$text"
	is "$status" 0
	has "$err" "warning: --cache-from: "
}

@test "interrupted or killed: nothing runs on, nothing stays mounted, the next build ends well" {
	stage_setup
	printf 'FROM base\nRUN echo one >/one\nRUN echo started && sleep 3571\n' >Dockerfile
	for sig in INT TERM KILL; do
		# what the round before has said is not for this one: the program may be slow to begin
		: >"$T/err"
		env --default-signal=INT,TERM "$SLSC_BIN" build -f Dockerfile --base "base=oci:$base" -o "oci:$T/out.oci" . \
			2>"$T/err" >"$T/out" 3>&- &
		pid=$!
		until grep -q '| started' "$T/err"; do
			kill -0 $pid
			read -rt 0.02 <> <(:) || true
		done
		kill -$sig $pid
		status=0
		wait $pid || status=$?
		[ $sig = KILL ] || is "$status" 130
		for ((i = 0; i < 500; i++)); do
			grep -lsa 3571 /proc/[0-9]*/cmdline || break
			read -rt 0.02 <> <(:) || true
		done
		is "$(grep -lsa 3571 /proc/[0-9]*/cmdline)" ""
		is "$(grep "$T" /proc/self/mountinfo)" ""
		[ ! -e "$T/out.oci" ]
	done
	sed -i 's/sleep 3571/true/' Dockerfile
	slsc_run build -f Dockerfile --base "base=oci:$base" -o "oci:$T/out.oci" --json .
	is "$status" 0
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[2,1]"
	is "$(find "$SLSC_CACHE_DIR/stage/run" -mindepth 1 2>/dev/null)" ""
}

@test "an unprivileged user builds the same image" {
	need setpriv util-linux
	stage_setup
	text=$'FROM base\nRUN mkdir /d && echo x >/d/x && id -u >/uid'
	build <<<"$text"
	is "$status" 0
	digest=$(jq -r '.manifests[0].digest' "$T/out.oci/index.json")
	chmod 755 "$T" "$T/w"
	mkdir "$T/theirs"
	chown 64321:64321 "$T/theirs"
	chmod -R a+rX "$BATS_FILE_TMPDIR" "$T/w"
	status=0
	cp -r "$base" "$T/theirs/base"
	chown -R 64321:64321 "$T/theirs"
	SLSC_CACHE_DIR=$T/theirs/cache HOME=$T/theirs setpriv --reuid 64321 --regid 64321 --clear-groups \
		"$SLSC_BIN" build -f Dockerfile --base "base=oci:$T/theirs/base" -o "oci:$T/theirs/out.oci" . >"$T/out" 2>"$T/err" || status=$?
	is "$(grep error "$T/err")" ""
	is "$status" 0
	is "$(jq -r '.manifests[0].digest' "$T/theirs/out.oci/index.json")" "$digest"
}

@test "cache prune: layers of builds go, and what needs them runs again; not while a build runs" {
	stage_setup
	text=$'FROM base AS b\nRUN echo x >/x\nFROM scratch\nCOPY --from=b /x /x'
	build <<<"$text"
	is "$status" 0
	first=$(cat "$T/out.oci/index.json")
	slsc_run cache prune --keep 0 -n --json
	is "$status" 0
	# the base's layer and what RUN made
	is "$(jq -c '[.dry_run, .stage.removed]' <<<"$out")" "[true,2]"
	exec 9<"$SLSC_CACHE_DIR/stage/lock"
	flock -s 9
	slsc_run cache prune --keep 0 --json
	is "$(jq -c .stage.removed <<<"$out")" 0
	has "$err" "warning: layers of Dockerfile builds stay: a build is running"
	exec 9<&-
	slsc_run cache prune --keep 0
	is "$status" 0
	has "$out" "removed 2 directories of Dockerfile builds"
	is "$(ls "$SLSC_CACHE_DIR/stage/layers")" ""
	build --json <<<"$text"
	is "$status" 0
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[2,0]"
	is "$(cat "$T/out.oci/index.json")" "$first"
}

@test "a project without slsc.yaml, but with a Dockerfile: the way is shown" {
	stage_setup
	echo 'FROM scratch' >Dockerfile
	slsc_run build
	is "$status" 1
	has "$err" "hint: there is a Dockerfile: \`slsc build -f Dockerfile .\` builds its image"
}

@test "an error that is about a step says which, also one of a trigger of its base" {
	stage_setup
	ln -s l1 l2
	ln -s l2 l1
	echo x >f
	build <<<$'FROM base\nCOPY l1 /'
	is "$status" 1
	is "$err" "error: Dockerfile:2:1: COPY: /l1: limit exceeded: more than 40 symlinks"
	build <<<$'FROM base\nCOPY f /.wh.bin'
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: COPY: /.wh.bin: a layer cannot hold a name that begins with .wh., which means"
	build <<<$'FROM base\nRUN touch /ok\nRUN echo >/.wh.x'
	is "$status" 1
	has "$err" "error: Dockerfile:3:1: RUN: /.wh.x: a layer cannot hold a name that begins with .wh., which means"
	build <<<$'FROM base\nUSER nobody.here\nRUN true'
	has "$err" "error: Dockerfile:3:1: RUN: the image's etc/passwd has no user 'nobody.here'"
	build <<<$'FROM base AS b\nONBUILD ARG X=1\nONBUILD RUN echo $X$X >/x && false\nFROM b'
	is "$status" 1
	is "$(grep -v '^\[' <<<"$err")" "error: Dockerfile: ONBUILD of b:1:1: stage stage-1: RUN: exit code 1"
	build <<<$'FROM base AS b\nONBUILD COPY nope /x\nFROM b'
	has "$err" "error: Dockerfile: ONBUILD of b:1:1: COPY: 'nope' is not in the build context"
	[ ! -e "$T/out.oci" ]
}

@test "a heredoc beside what is copied from a stage counts for the cache" {
	stage_setup
	local word
	for word in one two; do
		build <<<$'FROM base AS a\nFROM scratch\nCOPY --from=a <<EOF /etc/passwd /d/\n'"$word"$'\nEOF'
		is "$status" 0
		is "$(in_layer 0 d/EOF)" $word
	done
}

@test "devices with large numbers are copied as they are" {
	stage_setup
	build <<<$'FROM base AS a\nRUN mkdir /d && mknod /d/b b 259 4097 && mknod /d/c c 300 3\nFROM scratch\nCOPY --from=a /d /d'
	is "$status" 0
	is "$(layer 0)" "drwxr-xr-x 0/0 0 1980-01-01 00:00 d/
brw-r--r-- 0/0 259,4097 1980-01-01 00:00 d/b
crw-r--r-- 0/0 300,3 1980-01-01 00:00 d/c"
}

@test "hostile sizes: a line, a number of stages, values of values, stages of stages, many ** in a pattern" {
	stage_setup
	{ printf 'FROM base\nRUN echo '; head -c 10000000 /dev/zero | tr '\0' a; } >Dockerfile
	slsc_run build -f Dockerfile .
	is "$status" 1
	is "$err" "error: Dockerfile: limit exceeded: 10000019 bytes, the most is 4194304"
	seq -f 'FROM scratch AS s%.0f' 100000 >Dockerfile
	slsc_run build -f Dockerfile .
	is "$err" "error: Dockerfile:16385:1: limit exceeded: more than 16384 instructions"
	{ printf 'FROM scratch AS s0\n'; seq 9000 | awk '{print "FROM s" $1 - 1 " AS s" $1}'; } >Dockerfile
	slsc_run build -f Dockerfile --print plan .
	is "$status" 0
	{ printf 'FROM scratch AS s0\n'; seq 8000 | awk '{print "FROM s" $1 - 1 " AS s" $1 "\nENV V" $1 "=1"}'; } >Dockerfile
	(ulimit -v 400000 && exec "$SLSC_BIN" build -f Dockerfile --print plan . 2>"$T/err") && return 1
	has "$(cat "$T/err")" ": limit exceeded: stages take over more than 1048576 variables and lines of history"
	{ printf 'FROM scratch\nENV A=0123456789\n'; for i in 1 2 3 4 5 6 7 8; do echo 'ENV A=$A$A$A$A'; done
	seq 8000 | awk '{print "ENV B" $1 "=$A"}'; } >Dockerfile
	(ulimit -v 600000 && exec "$SLSC_BIN" build -f Dockerfile --print plan . 2>"$T/err") && return 1
	is "$(cat "$T/err")" "error: Dockerfile:112:10: limit exceeded: values of more than 64 MB in all"
	mkdir -p d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d
	build <<<$'FROM scratch\nCOPY **/**/**/**/**/**/**/**/**/**/none /'
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: COPY: '**/**/**/**/**/**/**/**/**/**/none' is not in the build context"
}

@test "ADD of a git repository: branches, tags, commits, a directory of it, its commit as a checksum" {
	need git git
	need python3 python3
	stage_setup
	local v1 v2 url port
	git init -q -b main "$T/repo"
	mkdir -p "$T/repo/sub/deep"
	echo one >"$T/repo/sub/deep/f"
	echo '#!/bin/sh' >"$T/repo/run"
	chmod 755 "$T/repo/run"
	ln -s run "$T/repo/link"
	git -C "$T/repo" add .
	git -C "$T/repo" commit -q -m one
	git -C "$T/repo" tag v1
	echo two >"$T/repo/sub/deep/f"
	git -C "$T/repo" commit -q -a -m two
	v1=$(git -C "$T/repo" rev-parse v1)
	v2=$(git -C "$T/repo" rev-parse main)
	mkdir "$T/srv"
	git clone -q --bare "$T/repo" "$T/srv/repo.git"
	mkfifo "$T/port"
	"$BATS_TEST_DIRNAME/support/git_http.py" "$T/srv" >"$T/port" 2>"$T/log" 3>&- &
	running=$!
	read -r port <"$T/port"
	url=http://127.0.0.1:$port/repo.git

	build <<<$'FROM scratch\nADD '"$url /src"
	is "$status" 0
	is "$(layer 0)" "drwxr-xr-x 0/0 0 1980-01-01 00:00 src/
lrwxrwxrwx 0/0 0 1980-01-01 00:00 src/link -> run
-rwxr-xr-x 0/0 10 1980-01-01 00:00 src/run
drwxr-xr-x 0/0 0 1980-01-01 00:00 src/sub/
drwxr-xr-x 0/0 0 1980-01-01 00:00 src/sub/deep/
-rw-r--r-- 0/0 4 1980-01-01 00:00 src/sub/deep/f"
	is "$(in_layer 0 src/sub/deep/f)" two
	build <<<$'FROM scratch\nADD --chown=7:8 --checksum='"$v1 $url#v1:sub/deep /src/"
	is "$status" 0
	is "$(layer 0)" "drwxr-xr-x 7/8 0 1980-01-01 00:00 src/
-rw-r--r-- 7/8 4 1980-01-01 00:00 src/f"
	is "$(in_layer 0 src/f)" one
	build <<<$'FROM scratch\nADD '"$url#$v1:sub /a"$'\nADD '"--link $url#refs/heads/main:/sub/ /b"
	is "$status" 0
	is "$(in_layer 0 a/deep/f) $(in_layer 1 b/deep/f)" "one two"
	# a reference that has moved since is not taken from the cache
	git -C "$T/srv/repo.git" update-ref refs/tags/v1 "$v2"
	build <<<$'FROM scratch\nADD '"$url#v1:sub/deep /src/"
	is "$(in_layer 0 src/f)" two
	rm -r "$T/out.oci"

	build <<<$'FROM scratch\nADD --checksum='"$v1 $url#main /src/"
	is "$status" 1
	is "$err" "error: Dockerfile:2:1: ADD: $url: is at commit $v2, not what --checksum says
hint: if the reference was meant to move, write its new commit"
	build <<<$'FROM scratch\nADD '"$url#nobranch /src/"
	is "$err" "error: Dockerfile:2:1: ADD: $url: no branch, tag or commit 'nobranch'"
	build <<<$'FROM scratch\nADD '"$url#main:../../etc /src/"
	is "$err" "error: Dockerfile:2:1: ADD: $url: has no directory '../../etc'"
	build <<<$'FROM scratch\nADD '"http://ada:pass@127.0.0.1:$port/none.git /src/"
	is "$err" "error: Dockerfile:2:1: ADD: http://127.0.0.1:$port/none.git: unexpected http status code: 404"
	build <<<$'FROM scratch\nADD '"http://ada:hunter2@127.0.0.1:$port/repo.git#v1 /src/"
	is "$status" 0
	is "$(built_config | jq -r '.history[0].created_by')" "ADD $url#v1 /src/"
	case $err$out in *hunter2*) return 1 ;; esac
	rm -r "$T/out.oci"
	build <<<$'FROM scratch\nADD --keep-git-dir=true '"$url /src/"
	is "$err" "error: Dockerfile:2:1: ADD: --keep-git-dir is not supported: only the files are fetched"
	build --network none <<<$'FROM scratch\nADD '"$url /src/"
	is "$err" "error: Dockerfile:2:1: ADD: $url: the network is forbidden here"
	build <<<$'FROM scratch\nADD '"file://$T/srv/repo.git /src/"
	is "$status" 1
	is "$err" "error: Dockerfile:2:1: ADD: file://$T/srv/repo.git: a Dockerfile sees no repository of this machine
hint: put its files into the build context, or serve it"
	[ ! -e "$T/out.oci" ]
}

# no_space WHAT ARGS...: a build that has no room, and leaves nothing of it
no_space() {
	local what=$1 room before
	shift
	room=$(df --output=avail -k "$small" | tail -n 1)
	before=$(find "$small" | wc -l)
	slsc_run -q build -f Dockerfile --base "base=oci:$base" "$@" .
	is "$status" 1
	# what to do is another thing for the cache than for what is written
	is "$err" "error: $what: No space left on device
hint: $(case $what in *"$small/cache"*) echo "free some space there, as with \`slsc cache prune\`, or let SLSC_CACHE_DIR name another directory" ;;
	*) echo "free some space, or write elsewhere, then run it again" ;; esac)"
	# the directories of a cache, and the record of a step
	[ "$(df --output=avail -k "$small" | tail -n 1)" -ge $((room - 64)) ]
	[ "$(find "$small" | wc -l)" -le $((before + 5)) ]
	is "$(find "$small" -path '*/stage/run/*' -o -name '*.tmp.*' -o -name '.slsc-tmp*')" ""
	is "$(grep -c "$T" /proc/self/mountinfo)" 1
}

@test "a disk that is full, in RUN, COPY and what is written: nothing is left, and the next build ends well" {
	stage_setup
	small_disk
	head -c 12000000 /dev/urandom >big
	echo x >little
	SLSC_CACHE_DIR=$small/cache
	build <<<$'FROM base\nRUN echo ok >/ok\nRUN cat /dev/zero >/x'
	is "$status" 1
	has "$err" "error: Dockerfile:3:1: stage stage-0: RUN: exit code 1"
	has "$err" "No space left on device"
	is "$(find "$small/cache/stage/run" -mindepth 1)" ""
	is "$(grep -c "$T" /proc/self/mountinfo)" 1
	printf 'FROM base\nRUN echo ok >/ok\nCOPY big /big\n' >Dockerfile
	no_space "Dockerfile:3:1: COPY: cannot write $small/cache" -o "oci:$T/out.oci"
	[ ! -e "$T/out.oci" ]
	build --json <<<$'FROM base\nRUN echo ok >/ok\nCOPY little /little'
	is "$status" 0
	# the step before the one that failed is cached
	is "$(jq -c '[.steps, .cached]' <<<"$out")" "[2,1]"
	is "$(in_layer 1 ok)" ok
	is "$(in_layer 2 little)" x

	SLSC_CACHE_DIR=$T/cache
	printf 'FROM scratch\nCOPY big /big\n' >Dockerfile
	slsc_run build -f Dockerfile -o "oci:$T/out.oci" .
	is "$status" 0
	layer=$(jq -r '.manifests[0].digest' "$T/out.oci/index.json")
	layer=$(jq -r '.layers[0].digest' "$T/out.oci/blobs/sha256/${layer#sha256:}")
	no_space "cannot write $small/o/blobs/sha256/${layer#sha256:}" -o "oci:$small/o"
	no_space "cannot write $small/o" -o "oci-archive:$small/o"
	no_space "cannot write $small/o" -o "docker-archive:$small/o"
	no_space "$small/o: cannot write a file" -o "dir:$small/o"
	[ ! -e "$small/o" ]
	# the image is whole: a cache that cannot be written is no reason to fail
	slsc_run build -f Dockerfile -o "oci:$T/again.oci" --cache-to "oci:$small/c" .
	is "$status" 0
	has "$err" "warning: --cache-to: cannot write $small/c"
	is "$(cat "$T/again.oci/index.json")" "$(cat "$T/out.oci/index.json")"
}

@test "docs/DOCKERFILE.md: its Dockerfile is built, and each instruction and flag has a line" {
	stage_setup
	local word
	awk '/^```/ { on = 0 } on { print } /^```dockerfile/ { on = !seen++ }' "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md" >Dockerfile
	printf '#!/bin/sh\necho hello, NAME\n' >hello.sh
	slsc_run build -f Dockerfile -t hello:1 --base "debian:bookworm-slim=oci:$base" -o "oci:$T/out.oci" .
	is "$status" 0
	is "$(built 1 | jq '.layers | length')" 2
	is "$(built_config 1 | jq -c '[.config.User, .config.Entrypoint]')" '["65532:65532",["/usr/local/bin/hello"]]'
	for word in $(grep -o '\[DF_[A-Z]*\] = "[A-Z]*"' "$BATS_TEST_DIRNAME/../../src/stage/dockerfile_inst.c" | cut -d '"' -f 2) \
		$(sed -n 's/^\t{ DF_[A-Z]*, "\([a-z-]*\)",.*/--\1/p' "$BATS_TEST_DIRNAME/../../src/stage/dockerfile_flags.c"); do
		grep -q -- "^|.*$word\b" "$BATS_TEST_DIRNAME/../../docs/DOCKERFILE.md" || {
			echo "docs/DOCKERFILE.md says nothing of $word" >&2
			return 1
		}
	done
	build <<<$'FROM base\nCOPY --link --chown=ada Dockerfile /x'
	is "$status" 1
	has "$err" "error: Dockerfile:2:1: COPY: --chown: the image's etc/passwd has no user 'ada'
hint: with --link nothing of the image is known: write numbers"
}
