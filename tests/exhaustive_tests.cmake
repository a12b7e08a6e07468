# Every schedule of small worlds, within the bounds that fit into `make test`.
find_package(CLI11 REQUIRED)
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set_source_files_properties(exhaustive/main.cc PROPERTIES COMPILE_OPTIONS "${ONCE_COLD}")
add_executable(once-exhaustive exhaustive/main.cc exhaustive/catalog.cc
  exhaustive/local_states.cc exhaustive/node.cc exhaustive/oracles.cc
  exhaustive/register_rules.cc exhaustive/register_scenarios.cc exhaustive/scenarios.cc
  exhaustive/search.cc exhaustive/story.cc)
target_link_libraries(once-exhaustive PRIVATE once_invariants once_paxos once_net CLI11::CLI11)
# What each world comes to is compared with a list: see golden_tests.cmake.
add_test(NAME exhaustive
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/golden/check.py worlds
          $<TARGET_FILE:once-exhaustive>)
set_tests_properties(exhaustive PROPERTIES TIMEOUT 1200 COST 800)
add_test(NAME exhaustive_unknown_scenario COMMAND once-exhaustive --scenario none)
set_tests_properties(exhaustive_unknown_scenario PROPERTIES
  PASS_REGULAR_EXPRESSION "there is no scenario 'none'")
add_test(NAME exhaustive_vacuous_scenario
  COMMAND once-exhaustive --scenario forwarded-next --accepts "(1,n2,i1)")
set_tests_properties(exhaustive_vacuous_scenario PROPERTIES
  PASS_REGULAR_EXPRESSION "VACUOUS: no schedule has anything accepted under .1,n2,i1.")
once_label(exhaustive exhaustive exhaustive_unknown_scenario exhaustive_vacuous_scenario)
