#!/usr/bin/env bats
# cmake --install and the .deb: slsc works from where it is put, and finds its data there.

load helper

@test "an installed slsc does the main job without the source tree" {
	cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
	PATH=$T/usr/bin:$PATH
	is "$(command -v slsc)" "$T/usr/bin/slsc"
	for f in share/slsc/runtime/include/slsc.h share/slsc/events/s3.json share/slsc/templates/hello/slsc.yaml \
		share/slsc/ci/gitlab.yml share/slsc/prices.yaml share/slsc/guide.yaml \
		share/slsc/observe/otelcol-filelog.yaml share/slsc/observe/elasticsearch-template.json \
		share/bash-completion/completions/slsc share/zsh/vendor-completions/_slsc \
		share/fish/vendor_completions.d/slsc.fish share/man/man1/slsc.1 share/man/man1/slsc-build.1 \
		share/doc/slsc/copyright share/doc/slsc/images/tune.png lib/slsc/git.so lib/slsc/crypto.so; do
		[ -f "$T/usr/$f" ] || { echo "not installed: $f" >&2; return 1; }
	done
	slsc init app
	cd app
	slsc build --smoke
	slsc package --zip --oci
	is "$(ls dist)" "hello-arm64.zip
hello-x86_64.zip
hello.oci
manifest.json"
	# the same bytes as from the build tree
	cp -r . "$T/again"
	cd "$T/again"
	rm -rf dist .slsc
	export CCACHE_DISABLE=1
	"$SLSC_BIN" build
	"$SLSC_BIN" package --zip --oci
	diff -r dist "$T/w/app/dist"
}

@test "what is installed is in what Dockerfile.builder takes" {
	local dir n=0
	while read -r dir; do
		grep -qx "!$dir" "$SLSC_SRC/.dockerignore" || { echo "not in .dockerignore: $dir" >&2; return 1; }
		n=$((n + 1))
	done < <(sed -n '/OPTIONAL/d; s/^install(DIRECTORY \([a-z]*\)\/ .*/\1/p' "$SLSC_SRC/cmake/install.cmake")
	is "$n" 6
}

@test "the .deb holds the same files and depends on what slsc links and runs" {
	need dpkg-shlibdeps dpkg-dev
	cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
	(cd "$T" && cpack -G DEB --config "$SLSC_BUILD/CPackConfig.cmake" -B "$T/deb" >"$T/cpack.log" 2>&1) || {
		cat "$T/cpack.log" >&2
		return 1
	}
	deb=$(echo "$T"/deb/*.deb)
	is "$(basename "$deb")" "slsc_$("$SLSC_BIN" version --json | jq -r .version)_amd64.deb"
	is "$(dpkg-deb -f "$deb" Package)" slsc
	depends=$(dpkg-deb -f "$deb" Depends)
	for p in libc6 libgit2-1.5 libmicrohttpd12 libsqlite3-0 libssl3 ninja-build clang lld musl-dev; do
		has "$depends" "$p"
	done
	dpkg-deb -x "$deb" "$T/x"
	is "$(cd "$T/x/usr" && find . -type f | sort)" "$(cd "$T/usr" && find . -type f | sort)"
	cd "$T"
	"$T/x/usr/bin/slsc" init from-deb
	is "$(sed -n 's/^project: //p' from-deb/slsc.yaml)" from-deb
}
