# The programs in examples/ on real clusters.
if(ONCE_EXAMPLES)
  once_needs(example_leader onced)
  foreach(name examples fenced_lock lock_faults)
    add_test(NAME system_${name}
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/system/${name}.py
              --bin ${CMAKE_BINARY_DIR}/bin --data ${CMAKE_BINARY_DIR}/system-tests/${name})
    set_tests_properties(system_${name} PROPERTIES TIMEOUT 240)
    once_label(examples system_${name})
  endforeach()
endif()
