# What the simulator and the exhaustive search do, against the lists in golden/: a change of form
# alone changes no line of them (docs/testing/golden.md). The list of whole worlds is compared by
# `exhaustive`, which searches them anyway.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
add_test(NAME golden_seeds
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/golden/check.py seeds
          $<TARGET_FILE:once-sim>)
add_test(NAME golden_small_worlds
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/golden/check.py small-worlds
          $<TARGET_FILE:once-exhaustive>)
add_test(NAME golden_check
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/golden/check_test.py)
# They take longest of what `make check` runs, and begin first.
set_tests_properties(golden_seeds golden_small_worlds PROPERTIES TIMEOUT 180 COST 600)
set_tests_properties(golden_check PROPERTIES TIMEOUT 60)
once_label(golden golden_seeds golden_small_worlds golden_check)
add_custom_target(programs_of_golden DEPENDS once-sim once-exhaustive)
