# The package, installed to a directory of its own and used by programs outside of the tree.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
once_needs(once_package onced)
string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
add_test(NAME installed_package
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/package/package_test.py
          --build ${CMAKE_BINARY_DIR} --data ${CMAKE_BINARY_DIR}/package-test
          --version ${PROJECT_VERSION} --compiler ${CMAKE_CXX_COMPILER}
          --flags=${CMAKE_CXX_FLAGS_${type}})
set_tests_properties(installed_package PROPERTIES TIMEOUT 400 COST 650)
once_label(package installed_package)
