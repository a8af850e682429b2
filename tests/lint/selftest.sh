#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lints themselves: a tree with a forbidden edge, call or word must fail, and say which.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
bad=0

# expect LINT MESSAGE: the lint fails with MESSAGE, which may be empty for success
expect() {
	status=0
	got=$("$here/$1.sh" "$tree" 2>&1) || status=$?
	want=0
	[ -z "$2" ] || want=1
	if [ "$got" != "$2" ] || [ "$status" != "$want" ]; then
		printf '%s: expected [%s] and exit code %s\n  got [%s] and %s\n' "$1" "$2" "$want" "$got" "$status"
		bad=1
	fi
}

# try LINT FILE LINE MESSAGE: with LINE as the second line of FILE
try() {
	mkdir -p "$tree/$(dirname "$2")"
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n%s\n' "$3" >"$tree/$2"
	expect "$1" "$4"
	rm "$tree/$2"
}

# edge FILE LINE [COMPLAINT]
edge() {
	try layers "$1" "$2" "${3:+$1:2: $3}"
}

edge src/base/x.c '#include "base/err.h"'
edge src/os/x.c '#include "base/err.h"'
edge src/elf/x.c '#include <libelf.h>'
edge src/oci/x.h '#include "archive/tar.h"'
edge src/oci/module_crypto.c '#include <openssl/evp.h>'
edge src/report/x.c '#include "build/build.h"'
edge src/local/x.c '#include "report/table.h"'
edge cmd/slsc/x.c '#include "local/api.h"'
edge runtime/x.c '#include "internal.h"'
edge runtime/x.c '#include <slsc.h>'
edge src/base/x.c '#include "os/fs.h"' 'src/base may not include "os/fs.h"'
edge src/cli/x.c '#include "config/yaml.h"' 'src/cli may not include "config/yaml.h"'
edge src/elf/x.c '#include "archive/tar.h"' 'src/elf may not include "archive/tar.h"'
edge src/archive/x.c '#include "oci/digest.h"' 'src/archive may not include "oci/digest.h"'
edge src/build/x.c '  #  include <stage/plan.h>' 'src/build may not include "stage/plan.h"'
edge src/registry/x.c '#include "build/build.h"' 'src/registry may not include "build/build.h"'
edge src/report/x.c '#include "local/api.h"' 'src/report may not include "local/api.h"'
edge src/local/x.c '#include "cmd/slsc/commands.h"' 'src/local may not include "cmd/slsc/commands.h"'
edge src/os/x.c '#include "../base/err.h"' 'includes "../base/err.h": say src-relative where it is'
edge runtime/x.c '#include "base/err.h"' 'runtime/ includes "base/err.h" of src/'
edge runtime/x.c '#include <curl/curl.h>' 'runtime/ includes <curl/curl.h>: it depends on libc alone'
edge runtime/x.c '#include <jansson.h>' 'runtime/ includes <jansson.h>: it depends on libc alone'
edge src/build/x.c '#include <slsc.h>' 'src/build includes "slsc.h" of runtime/'
edge src/build/x.c '#include <git2.h>' 'src/build includes <git2.h>, which belongs to src/vcs'
edge src/oci/x.c '#include <gelf.h>' 'src/oci includes <gelf.h>, which belongs to src/elf'
edge src/elf/x.c '#include <zlib.h>' 'src/elf includes <zlib.h>, which belongs to src/archive'
edge src/oci/x.c '#include <archive_entry.h>' 'src/oci includes <archive_entry.h>, which belongs to src/archive'
edge cmd/slsc/x.c '#include <yaml.h>' 'cmd includes <yaml.h>, which belongs to src/config'
edge src/os/x.c '#include <openssl/sha.h>' 'src/os includes <openssl/sha.h>, which belongs to src/oci'
edge src/oci/x.c '#include <curl/curl.h>' 'src/oci includes <curl/curl.h>, which belongs to src/registry'
edge cmd/slsc/x.c '#include <getopt.h>' 'cmd includes <getopt.h>, which belongs to src/cli'

try banned src/os/x.c 'int f(void) { return snprintf(0, 0, "system(%d)", 1); } /* strcpy() */' ''
try banned src/os/x.c 'char *f(char *a, char *b) { return strtok_r(a, b, &a); }' ''
for call in strcpy strcat sprintf strtok atoi localtime system popen gets; do
	try banned src/os/x.c "int f(void) { return ($call (0)); }" "src/os/x.c:2: $call() is banned"
done

try words src/os/x.c 'int todo; /* what is to do is done */' ''
try words cmd/slsc/x.c '/* TODO: later */' 'cmd/slsc/x.c:2: unfinished: /* TODO: later */'
try words runtime/x.c '/* FIXME */' 'runtime/x.c:2: unfinished: /* FIXME */'
printf 'int x;\n' >"$tree/src/os/x.c"
expect words 'src/os/x.c:1: the first line is not /* SPDX-License-Identifier: Apache-2.0 */'
{ echo '/* SPDX-License-Identifier: Apache-2.0 */' && yes '' | head -n 800; } >"$tree/src/os/x.c"
expect words 'src/os/x.c:801: more than 800 lines: split it'

rm "$tree/src/os/x.c"
cp "$here/../../.clang-format" "$tree/"
# style LINE [COMPLAINT]: LINE in a function
style() {
	try format src/os/x.c "void f(int a)
{
	$1
}" "${2:+src/os/x.c:4: $2: 	$1}"
}
style 'return a ? f(a, a + 1) : (void)a;'
style 'if(a)' 'a space is missing before "("'
style 'f (a);' 'a space too many before "("'
style '	f(a);' 'indentation'
try format src/os/x.c 'void f(void) {
}' 'src/os/x.c:2: the place of the brace: void f(void) {'

printf '/* SPDX-License-Identifier: Apache-2.0 */\nsize_t f(void);\n' >"$tree/src/os/x.h"
mkdir -p "$tree/cmd" "$tree/runtime"
if "$here/headers.sh" "$tree" >/dev/null 2>&1; then
	echo "headers: a header that needs another must fail"
	bad=1
fi
exit $bad
