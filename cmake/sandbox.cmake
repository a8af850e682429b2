# SPDX-License-Identifier: Apache-2.0
# Programs that run in root file systems that have no libc: static, and without slsc's flags (a sanitizer cannot be
# linked into a static program).
function(add_inner name output)
	add_executable(${name} ${ARGN})
	target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
	target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
	target_compile_options(${name} PRIVATE -Os -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla
		-Wstrict-prototypes -Wmissing-prototypes "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
	if(SLSC_WERROR)
		target_compile_options(${name} PRIVATE -Werror)
	endif()
	target_link_options(${name} PRIVATE -static -s)
	set_target_properties(${name} PROPERTIES OUTPUT_NAME ${output} POSITION_INDEPENDENT_CODE OFF
		RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/slsc)
	install(TARGETS ${name} RUNTIME DESTINATION lib/slsc)
	add_dependencies(slsc ${name})
endfunction()

# Pid 1 of a sandbox.
add_inner(sandbox_init sandbox-init src/stage/init/sandbox_init.c src/stage/init/sandbox_filter.c)
# What takes a build's commands into a stage, and runs them there.
add_inner(stage_exec stage-exec src/stage/init/stage_exec.c)
