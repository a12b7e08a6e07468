once_test(unit/net/untrusted_input_test.cc once_client once_data_directory once_net once_paxos
          once_reactor)

# Each fuzz target on its committed corpus, then 7 s of new inputs. The programs are of another
# compiler and so of another build directory: `make test` builds them first (make fuzz-build).
# Only in a release build: under a sanitizer of its own the rest of the tests gains nothing by it.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
if(CMAKE_BUILD_TYPE STREQUAL Release)
  set(ONCE_FUZZ_BUILD ${CMAKE_SOURCE_DIR}/build/fuzz CACHE PATH "Where the fuzz targets are built")
  set(ONCE_FUZZ_SECONDS 7 CACHE STRING "How long each fuzz target runs as a test")
  file(GLOB targets CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/*_fuzz.cc)
  foreach(source ${targets})
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" target ${target})
    add_test(NAME fuzz_${target}
      COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run.py --target ${target}
              --build ${ONCE_FUZZ_BUILD} --seconds ${ONCE_FUZZ_SECONDS})
    set_tests_properties(fuzz_${target} PROPERTIES TIMEOUT 300)
    once_label(fuzz fuzz_${target})
  endforeach()
endif()
