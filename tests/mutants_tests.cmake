find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
# A few defects of each folder, each of which the tests must find; `make mutants` runs them all.
# It builds copies of the tree, so one build of them is enough: not under the sanitizers too.
if(CMAKE_BUILD_TYPE STREQUAL Release)
  add_test(NAME mutants_fast
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/mutants/run.py --subset fast
            --work ${CMAKE_BINARY_DIR}/mutants-fast)
  set_tests_properties(mutants_fast PROPERTIES TIMEOUT 900 COST 900)
  once_label(mutants mutants_fast)
endif()
# That each has its place in the code, and its killers; then the parts of the runner.
foreach(name runner placing weaving campaign)
  add_test(NAME mutants_${name}
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/mutants/${name}_test.py)
  set_tests_properties(mutants_${name} PROPERTIES TIMEOUT 120)
  once_label(mutants mutants_${name})
endforeach()
