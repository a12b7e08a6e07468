# A few power cuts; `make power-cuts` does more. The machine that runs the node is a process with
# little memory, in which the sanitizers' shadows do not fit.
if(CMAKE_BUILD_TYPE STREQUAL Release)
  once_needs(onced)
  add_test(NAME power_cuts
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/power_cuts/power_cuts.py
            --bin ${CMAKE_BINARY_DIR}/bin --data ${CMAKE_BINARY_DIR}/power-cuts/test
            --cuts 6 --answers 60 --lives 2 --jobs 1 --file-systems ext4)
  set_tests_properties(power_cuts PROPERTIES TIMEOUT 900 COST 700)
  once_label(power_cuts power_cuts)
endif()
