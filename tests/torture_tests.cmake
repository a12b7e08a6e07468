find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
set_source_files_properties(torture/main.cc PROPERTIES COMPILE_OPTIONS "${ONCE_COLD}")
add_library(once_recorder STATIC torture/recorder.cc)
target_link_libraries(once_recorder PUBLIC once_check once_client)
add_executable(once-torture torture/direct.cc torture/main.cc torture/workload.cc)
target_link_libraries(once-torture PRIVATE once_recorder CLI11::CLI11
                      nlohmann_json::nlohmann_json)

once_test(torture/recorder_test.cc once_recorder)

add_test(NAME torture_harness
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/torture/harness_test.py)
set_tests_properties(torture_harness PROPERTIES TIMEOUT 60)
once_label(torture torture_harness)

add_test(NAME torture_joining
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/doors/joining_test.py)
set_tests_properties(torture_joining PROPERTIES TIMEOUT 60)
once_label(torture torture_joining)

# One minute of load; `make torture MINUTES=n` for more. Nearly alone: its gaps depend on the
# machine.
# Of slower nodes less is asked: a backlog that never ends is no fault of theirs.
once_needs(onced once)
math(EXPR torture_rate "2000 / ${ONCE_TEST_TIME_FACTOR}")
add_test(NAME torture
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/torture/torture.py
          --bin ${CMAKE_BINARY_DIR}/bin --data ${CMAKE_BINARY_DIR}/system-tests/torture
          --minutes 1 --rate ${torture_rate})
once_label(torture torture)
set_tests_properties(torture PROPERTIES TIMEOUT 400 PROCESSORS 3 COST 1000)
