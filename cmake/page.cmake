# SPDX-License-Identifier: Apache-2.0
# What the pages carry, as strings of C with their digests for a page's policy: a header for each. And a Worker's files.

# hexadecimal to base64
function(page_base64 hex out)
	set(digits "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
	set(text "")
	string(LENGTH "${hex}" length)
	set(at 0)
	while(at LESS length)
		string(SUBSTRING "${hex}0000" ${at} 6 part)
		math(EXPR bits "0x${part}")
		foreach(shift 18 12 6 0)
			math(EXPR digit "(${bits} >> ${shift}) & 63")
			string(SUBSTRING "${digits}" ${digit} 1 digit)
			string(APPEND text "${digit}")
		endforeach()
		math(EXPR at "${at} + 6")
	endwhile()
	# 32 bytes: two in the last group of three
	string(REGEX REPLACE ".$" "=" text "${text}")
	set(${out} "${text}" PARENT_SCOPE)
endfunction()

# a file without its comments and indentation
function(page_text file out)
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
	file(READ ${file} text)
	string(REGEX REPLACE "/\\*[^*]*\\*/\n" "" text "${text}")
	string(REGEX REPLACE "\n[\t]+" "\n" text "\n${text}")
	string(REGEX REPLACE "^\n+" "" text "${text}")
	set(${out} "${text}" PARENT_SCOPE)
endfunction()

# what stands between the quotes of a string of C
function(page_quote text out)
	string(REPLACE "\\" "\\\\" text "${text}")
	string(REPLACE "\"" "\\\"" text "${text}")
	string(REPLACE "\n" "\\n\" \\\n\t\"" text "${text}")
	set(${out} "${text}" PARENT_SCOPE)
endfunction()

foreach(kind css js)
	page_text(${CMAKE_SOURCE_DIR}/src/report/page/page.${kind} text)
	string(SHA256 digest "${text}")
	page_base64(${digest} PAGE_${kind}_SHA256)
	page_quote("${text}" PAGE_${kind})
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/report/compare_page.h CONTENT "/* Made of src/report/page/ by cmake/page.cmake. */
#define PAGE_CSS \"@PAGE_css@\"
#define PAGE_CSS_SHA256 \"@PAGE_css_SHA256@\"
#define PAGE_JS \"@PAGE_js@\"
#define PAGE_JS_SHA256 \"@PAGE_js_SHA256@\"
" @ONLY)
target_include_directories(slsc_report PRIVATE ${CMAKE_BINARY_DIR}/generated)

page_text(${CMAKE_SOURCE_DIR}/src/local/page/page.html html)
foreach(part css=style js=script)
	string(REGEX REPLACE "=.*" "" kind ${part})
	string(REGEX REPLACE ".*=" "" element ${part})
	page_text(${CMAKE_SOURCE_DIR}/src/local/page/page.${kind} text)
	string(SHA256 digest "${text}")
	page_base64(${digest} LOCAL_${kind}_SHA256)
	string(REPLACE "@${element}@" "${text}" html "${html}")
endforeach()
page_quote("${html}" LOCAL_HTML)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/local/local_page.h CONTENT "/* Made of src/local/page/ by cmake/page.cmake. */
#define LOCAL_HTML \"@LOCAL_HTML@\"
#define LOCAL_CSS_SHA256 \"@LOCAL_css_SHA256@\"
#define LOCAL_JS_SHA256 \"@LOCAL_js_SHA256@\"
" @ONLY)
target_include_directories(slsc_local PRIVATE ${CMAKE_BINARY_DIR}/generated)

# What `slsc package --workers` writes beside a module, as it stands there.
foreach(file worker.mjs wrangler.toml config.capnp)
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/build/workers/${file})
	file(READ ${CMAKE_SOURCE_DIR}/src/build/workers/${file} text)
	string(REGEX REPLACE "\\..*" "" name ${file})
	page_quote("${text}" WORKERS_${name})
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/build/workers_files.h CONTENT "/* Made of src/build/workers/ by cmake/page.cmake. */
#define WORKERS_WORKER \"@WORKERS_worker@\"
#define WORKERS_WRANGLER \"@WORKERS_wrangler@\"
#define WORKERS_CONFIG \"@WORKERS_config@\"
" @ONLY)

# How Node runs a module.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/build/wasi/run.mjs)
file(READ ${CMAKE_SOURCE_DIR}/src/build/wasi/run.mjs text)
page_quote("${text}" WASI_RUN)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/build/wasi_files.h CONTENT "/* Made of src/build/wasi/ by cmake/page.cmake. */
#define WASI_RUN \"@WASI_RUN@\"
" @ONLY)
target_include_directories(slsc_build PRIVATE ${CMAKE_BINARY_DIR}/generated)
