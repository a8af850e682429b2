# SPDX-License-Identifier: Apache-2.0
# Laid out so that bin/slsc finds ../share/slsc and ../lib/slsc, as it does in the build tree.
install(TARGETS slsc RUNTIME DESTINATION bin)
install(DIRECTORY runtime/ DESTINATION share/slsc/runtime FILES_MATCHING PATTERN "*.[ch]" PATTERN "*.specs")
install(DIRECTORY bases/ DESTINATION share/slsc/bases FILES_MATCHING PATTERN "*.yaml")
install(DIRECTORY events/ DESTINATION share/slsc/events FILES_MATCHING PATTERN "*.json")
install(DIRECTORY templates/ DESTINATION share/slsc/templates)
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/slsc/base DESTINATION share/slsc OPTIONAL)
install(FILES completions/slsc.bash DESTINATION share/bash-completion/completions RENAME slsc)
install(FILES completions/_slsc DESTINATION share/zsh/vendor-completions)
install(FILES completions/slsc.fish DESTINATION share/fish/vendor_completions.d)
file(GLOB man_pages CONFIGURE_DEPENDS docs/man/*.1)
install(FILES ${man_pages} DESTINATION share/man/man1)
file(GLOB doc_pages CONFIGURE_DEPENDS docs/*.md)
install(FILES README.md ${doc_pages} DESTINATION share/doc/slsc)
install(FILES LICENSE DESTINATION share/doc/slsc RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME slsc)
set(CPACK_PACKAGE_CONTACT "the slsc developers <slsc@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "C functions into the smallest serverless artifacts")
set(CPACK_PACKAGE_DESCRIPTION
	"slsc cross-compiles C functions to static binaries for x86_64 and arm64, and packages\n\
 them as Lambda zips and distroless-style OCI images, without a daemon and without root.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What slsc runs: the shared libraries it links, those of its late parts too, are found by dpkg-shlibdeps.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "ninja-build, clang, lld, musl-dev")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bubblewrap, qemu-user-static, libstb-dev")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "gcc-aarch64-linux-gnu, ccache, uidmap, crun")
include(CPack)
