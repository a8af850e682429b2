# SPDX-License-Identifier: Apache-2.0
# The built-in image bases (src/oci/base.h), made by slsc itself from Debian's packages on the build machine.
set(base_certs /usr/share/ca-certificates/mozilla)
set(base_zones /usr/share/zoneinfo)
set(base_dir ${CMAKE_BINARY_DIR}/share/slsc/base)
file(GLOB base_code CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/oci/base_make.c ${CMAKE_SOURCE_DIR}/src/archive/*.c)
file(GLOB base_inputs CONFIGURE_DEPENDS ${base_certs}/*.crt)
if(NOT base_inputs)
	message(FATAL_ERROR "no certificates in ${base_certs}: apt-get install ca-certificates")
endif()
if(NOT EXISTS ${base_zones}/UTC)
	message(FATAL_ERROR "no time zones in ${base_zones}: apt-get install tzdata")
endif()

# What history and scanners are told; the version alone where dpkg does not know it.
foreach(package ca-certificates tzdata)
	execute_process(COMMAND dpkg-query -W -f "\${Version}" ${package} OUTPUT_VARIABLE version
		ERROR_QUIET RESULT_VARIABLE failed)
	if(failed)
		set(base_${package} "${package}")
	else()
		set(base_${package} "${package} ${version}")
	endif()
endforeach()

add_custom_command(OUTPUT ${base_dir}/base.json
	COMMAND $<TARGET_FILE:slsc> _base ${base_dir} ${base_certs} ${base_zones}
		"${base_ca-certificates}" "${base_tzdata}"
	DEPENDS ${base_inputs} ${base_zones}/UTC ${base_code}
	COMMENT "Making the image bases" VERBATIM)
add_custom_target(slsc_base_layers ALL DEPENDS ${base_dir}/base.json)
add_dependencies(slsc_base_layers slsc)
install(DIRECTORY ${base_dir} DESTINATION share/slsc)
