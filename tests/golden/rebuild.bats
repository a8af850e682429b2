#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The main job twice, from sources to artifacts: another directory, user, HOME, cache, time zone, locale, umask, order of
# files and place of slsc itself. The same bytes come out.
load ../e2e/helper

# fill DIR FILES...: a project whose sources name themselves and include a system header that has inline code
fill() {
	local dir=$1
	shift
	mkdir -p "$dir/src/deep"
	for f in "$@"; do
		printf '#include <assert.h>\n#include <stdio.h>\n#include <linux/types.h>\nconst char *%s_file(void);\nconst char *%s_file(void)\n{\n\tassert(sizeof(__u32) == 4);\n\treturn __FILE__;\n}\n' \
			"$f" "$f" >"$dir/src/$f.c"
	done
	cat >"$dir/src/deep/main.c" <<-'C'
		#include <slsc.h>
		const char *a_file(void), *b_file(void), *z_file(void);
		slsc_lambda_fn handler;
		int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
		{
			(void)ctx, (void)in;
			slsc_puts(out, "[\"");
			slsc_puts(out, a_file()), slsc_puts(out, b_file()), slsc_puts(out, z_file());
			slsc_puts(out, "\"]");
			return 0;
		}
	C
	cat >"$dir/slsc.yaml" <<-'Y'
		project: rebuild
		profiles:
		  release: {assertions: true}
		functions:
		  f: {sources: ['src/**/*.c']}
		package: {zip: {include: [{from: assets}]}}
	Y
	mkdir "$dir/assets"
	for f in "$@"; do
		echo "$f" >"$dir/assets/$f"
	done
}

# The linker's map is the build's own: it says where each library lies on this machine.
sums() {
	(cd "$1" && find dist .slsc/release -type f ! -path '*/.obj/*' ! -name '.ninja*' ! -name '*.map' -exec sha256sum {} + | sort -k2)
}

@test "two machines' worth of differences, one set of bytes" {
	as=()
	if [ "$(id -u)" -eq 0 ]; then
		need setpriv util-linux
		as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fi
	fill one a b z
	TZ=Asia/Kathmandu LC_ALL=C "$SLSC_BIN" -q -C one build
	TZ=Asia/Kathmandu LC_ALL=C "$SLSC_BIN" -q -C one package --zip --oci --docker-archive

	chmod 755 "$T" "$T/w"
	cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
	mkdir "$T/other" "$T/other/home"
	# of the cache, which has gigabytes of the other tests in it, what a build reads
	mkdir "$T/other/cache"
	cp -r "$SLSC_CACHE_DIR/sysroot" "$T/other/cache/"
	fill "$T/other/the projéct" z b a
	find "$T/other" -exec touch -h -d 2001-02-03 {} +
	chmod -R u+rwX,go+rX "$T/other"
	[ ${#as[@]} -eq 0 ] || chown -R 65534:65534 "$T/other"
	(
		umask 077
		cd "$T/other/the projéct"
		export HOME=$T/other/home SLSC_CACHE_DIR=$T/other/cache TZ=America/St_Johns LC_ALL=C.UTF-8
		"${as[@]}" "$T/usr/bin/slsc" -q build -j 1
		"${as[@]}" "$T/usr/bin/slsc" -q package --zip --oci --docker-archive
	)
	is "$(sums "$T/other/the projéct")" "$(sums one)"
	is "$(sums one | wc -l)" "$(find one/dist one/.slsc/release -type f ! -path '*/.obj/*' ! -name '.ninja*' ! -name '*.map' | wc -l)"
	# and the binary works, and says its sources' names as the project knows them
	"$BATS_TEST_DIRNAME/../e2e/support/runtime_api.py" --count 3 --payload '{}' \
		--expect '["src/a.csrc/b.csrc/z.c"]' -- one/.slsc/release/x86_64/f
}
