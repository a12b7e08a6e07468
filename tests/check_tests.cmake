find_package(CLI11 REQUIRED)
add_library(once_check STATIC check/checks.cc check/gaps.cc check/history_file.cc
  check/register_check.cc check/register_rules.cc)
target_link_libraries(once_check PUBLIC once_base)

set_source_files_properties(check/main.cc PROPERTIES COMPILE_OPTIONS "${ONCE_COLD}")
add_executable(once-check check/main.cc)
target_link_libraries(once-check PRIVATE once_check CLI11::CLI11)

once_test(check/check_test.cc once_check)
once_test(check/history_file_test.cc once_check)
add_test(NAME check_command
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/check/command_test.py
          $<TARGET_FILE:once-check>)
set_tests_properties(check_command PROPERTIES TIMEOUT 120)
once_label(check check_command)
