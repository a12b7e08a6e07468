# Of the main of all programs of tests, by one of them.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
add_test(NAME tests_from_one_source
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/main_test.py
          ${CMAKE_BINARY_DIR}/bin/unit_base_tests ${CMAKE_CURRENT_BINARY_DIR}/programs.txt)
once_label(unit tests_from_one_source)

once_test(unit/base/page_toucher_test.cc once_paxos)
once_test(unit/base/histogram_test.cc once_base)
once_test(unit/base/fifo_test.cc once_base)
once_test(unit/base/printable_test.cc once_base)
once_test(unit/base/library_assertions_test.cc once_base)
once_test(unit/base/progress_bar_test.cc once_progress)
once_test(unit/base/draw_ids_test.cc once_base)
once_test(unit/base/name_resolver_test.cc once_names)
once_test(unit/base/name_resolver_memory_test.cc ALONE once_names)  # replaces operator new
once_test(unit/base/output_test.cc once_base)
once_test(unit/base/endpoints_test.cc once_names)
once_test(unit/base/nearest_word_test.cc once_base)
once_test(unit/base/dialable_test.cc once_names)
once_test(unit/base/host_port_test.cc once_base)
once_test(unit/base/parse_number_test.cc once_base)
once_test(unit/base/descriptor_test.cc once_base)
once_test(unit/base/durable_file_test.cc once_files)
once_test(unit/base/ordered_test.cc once_paxos)
