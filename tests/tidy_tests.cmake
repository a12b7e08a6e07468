find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
add_test(NAME tidy COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/tidy/tidy_test.py)
set_tests_properties(tidy PROPERTIES TIMEOUT 60)
add_test(NAME guarantees
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/tidy/guarantees_test.py)
set_tests_properties(guarantees PROPERTIES TIMEOUT 60)
add_test(NAME docs COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/tidy/docs_test.py)
set_tests_properties(docs PROPERTIES TIMEOUT 60)
