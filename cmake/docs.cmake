# SPDX-License-Identifier: Apache-2.0
# What slsc says about itself: the versions in `slsc version`, completions and man pages.

set(versions "")
foreach(pair archive:libarchive crypto:libcrypto deflate:libdeflate elf:libelf git2:libgit2 yaml:libyaml
		zstd:libzstd jansson:jansson zlib:zlib)
	string(REPLACE ":" ";" pair ${pair})
	list(GET pair 0 module)
	list(GET pair 1 library)
	if(${module}_VERSION)
		list(APPEND versions "${library} ${${module}_VERSION}")
	endif()
endforeach()
list(JOIN versions "," versions)
set_property(SOURCE ${CMAKE_SOURCE_DIR}/cmd/slsc/cmd_version.c APPEND PROPERTY
	COMPILE_DEFINITIONS "SLSC_LIBRARIES=\"${versions}\"")

# `cmake --build DIR --target docs` after a change to an option table; a test compares.
set(docs ${CMAKE_BINARY_DIR}/docs)
add_custom_target(docs
	COMMAND ${CMAKE_COMMAND} -E rm -rf ${docs}
	COMMAND slsc help --generate ${docs}
	COMMAND ${CMAKE_COMMAND} -E copy_directory ${docs}/completions ${CMAKE_SOURCE_DIR}/completions
	COMMAND ${CMAKE_COMMAND} -E copy_directory ${docs}/man ${CMAKE_SOURCE_DIR}/docs/man
	VERBATIM)
