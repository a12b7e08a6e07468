# A test that no list names would never run, and nobody would see it.
file(GLOB lists CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_tests.cmake)
set(listed "")
foreach(list IN LISTS lists)
  file(READ ${list} text)
  string(APPEND listed "${text}")
endforeach()

file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME_WE)
  get_property(program GLOBAL PROPERTY program_of_${name})
  if(NOT program)
    message(FATAL_ERROR "${source} is in none of tests/*_tests.cmake.")
  endif()
  # With others in one unit its names would be theirs too.
  file(STRINGS ${source} own REGEX "^namespace ${name} {$" ENCODING UTF-8)
  if(NOT own AND NOT program STREQUAL name)
    message(FATAL_ERROR "${source} shares a program: its names belong into namespace ${name}.")
  endif()
endforeach()

# What a script of tests/system is for stands at its end: those that others include have no main.
file(GLOB_RECURSE scripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.py
     ${CMAKE_CURRENT_SOURCE_DIR}/system/*.py)
foreach(script IN LISTS scripts)
  get_filename_component(name ${script} NAME_WE)
  file(STRINGS ${script} main REGEX "^if __name__ == " ENCODING UTF-8)
  # By its own name, or as one of a loop's names.
  string(REGEX REPLACE "_test$" "" short ${name})
  if(main AND NOT listed MATCHES "[^a-z_](${name}|${short})[^a-z_]")
    message(FATAL_ERROR "${script} is in none of tests/*_tests.cmake.")
  endif()
endforeach()
