# SPDX-License-Identifier: Apache-2.0
# Pid 1 of a sandbox: runs in root file systems that have no libc, so it is static, and it has none of slsc's flags
# (a sanitizer cannot be linked into a static program).
add_executable(sandbox_init ${CMAKE_SOURCE_DIR}/src/stage/init/sandbox_init.c
	${CMAKE_SOURCE_DIR}/src/stage/init/sandbox_filter.c)
target_compile_definitions(sandbox_init PRIVATE _GNU_SOURCE)
target_include_directories(sandbox_init PRIVATE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(sandbox_init PRIVATE -Os -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla
	-Wstrict-prototypes -Wmissing-prototypes "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
if(SLSC_WERROR)
	target_compile_options(sandbox_init PRIVATE -Werror)
endif()
target_link_options(sandbox_init PRIVATE -static -s)
set_target_properties(sandbox_init PROPERTIES OUTPUT_NAME sandbox-init POSITION_INDEPENDENT_CODE OFF
	RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/slsc)
install(TARGETS sandbox_init RUNTIME DESTINATION lib/slsc)
add_dependencies(slsc sandbox_init)
