# SPDX-License-Identifier: Apache-2.0
# What the HTML of a comparison carries, as strings of C with their digests for the page's policy: one header.

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

set(page_dir ${CMAKE_BINARY_DIR}/generated/report)
foreach(kind css js)
	set(file ${CMAKE_SOURCE_DIR}/src/report/page/page.${kind})
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
	file(READ ${file} text)
	# neither comments nor indentation travel
	string(REGEX REPLACE "/\\*[^*]*\\*/\n" "" text "${text}")
	string(REGEX REPLACE "\n[\t]+" "\n" text "\n${text}")
	string(REGEX REPLACE "^\n+" "" text "${text}")
	string(SHA256 digest "${text}")
	page_base64(${digest} PAGE_${kind}_SHA256)
	string(REPLACE "\\" "\\\\" text "${text}")
	string(REPLACE "\"" "\\\"" text "${text}")
	string(REPLACE "\n" "\\n\" \\\n\t\"" text "${text}")
	set(PAGE_${kind} "${text}")
endforeach()
file(CONFIGURE OUTPUT ${page_dir}/compare_page.h CONTENT "/* Made of src/report/page/ by cmake/page.cmake. */
#define PAGE_CSS \"@PAGE_css@\"
#define PAGE_CSS_SHA256 \"@PAGE_css_SHA256@\"
#define PAGE_JS \"@PAGE_js@\"
#define PAGE_JS_SHA256 \"@PAGE_js_SHA256@\"
" @ONLY)
target_include_directories(slsc_report PRIVATE ${CMAKE_BINARY_DIR}/generated)
