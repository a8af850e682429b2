# SPDX-License-Identifier: Apache-2.0
# What slsc says about itself: the versions in `slsc version`, completions and man pages.

set(versions "")
foreach(pair archive:libarchive crypto:libcrypto deflate:libdeflate elf:libelf git2:libgit2 yaml:libyaml
		zstd:libzstd jansson:jansson zlib:zlib)
	string(REPLACE ":" ";" pair ${pair})
	list(GET pair 0 module)
	list(GET pair 1 library)
	list(APPEND versions "${library} ${${module}_VERSION}")
endforeach()
list(JOIN versions "," versions)
set_property(SOURCE ${CMAKE_SOURCE_DIR}/cmd/slsc/cmd_version.c APPEND PROPERTY
	COMPILE_DEFINITIONS "SLSC_LIBRARIES=\"${versions}\"")

# `cmake --build DIR --target docs` after a change to an option table; a test compares.
set(docs ${CMAKE_BINARY_DIR}/docs)
add_custom_target(docs
	COMMAND ${CMAKE_COMMAND} -E rm -rf ${docs}
	COMMAND slsc help --generate ${docs}
	COMMAND ${CMAKE_COMMAND} -E rm -rf ${CMAKE_SOURCE_DIR}/completions ${CMAKE_SOURCE_DIR}/docs/man
	COMMAND ${CMAKE_COMMAND} -E copy_directory ${docs}/completions ${CMAKE_SOURCE_DIR}/completions
	COMMAND ${CMAKE_COMMAND} -E copy_directory ${docs}/man ${CMAKE_SOURCE_DIR}/docs/man
	VERBATIM)

file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.1)
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES completions/slsc.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME slsc)
install(FILES completions/_slsc DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES completions/slsc.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
