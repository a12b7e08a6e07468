# Real processes on loopback; the data directories are under the build directory, on a real disk.
once_needs(onced once once-check)
add_executable(two_winners system/two_winners.cc)
target_link_libraries(two_winners PRIVATE once_client)
# Most wait for terminals, time-outs, nodes that start: they use a fifth of a core, and take one of
# the four places. These keep a core or the disk busy, or measure: two.
set(busy_system_tests cleaning contention crash crowds doors_history file_systems hot_path
    load_generator loop_calls memory peer_port resp run_once uneven_cores unprintable)
function(once_system_test name script)
  add_test(NAME system_${name}
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/system/${script}.py
            --bin ${CMAKE_BINARY_DIR}/bin --data ${CMAKE_BINARY_DIR}/system-tests/${name} ${ARGN})
  set_tests_properties(system_${name} PROPERTIES TIMEOUT 240)
  once_label(system system_${name})
  if(NOT script IN_LIST busy_system_tests)
    set_tests_properties(system_${name} PROPERTIES PROCESSORS 1)
  endif()
endfunction()
foreach(name basics catching_up cleaning contention crash majority_down bad_input exit_codes
        broken_disks file_systems inspect_live dev status listing explain completion
        register_commands run_once waiters lock_command manual load_generator identities
        first_meeting limits host_names stuck_reader terminal half_closed private_files new_cluster
        loop_calls crowds memory peer_port slots typed_docs job_control command_signals unprintable
        first_words demo epoll_fallback uneven_cores metrics resp over_http doors_history
        health_check)
  once_system_test(${name} ${name})
endforeach()
add_test(NAME system_program
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/system/program_test.py)
set_tests_properties(system_program PROPERTIES TIMEOUT 120)
once_label(system system_program)
set_tests_properties(system_first_meeting system_crash system_terminal system_command_signals
  system_first_words PROPERTIES COST 500)

# What is counted is the program's own; a sanitizer has an allocator of its own.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_library(count_allocations MODULE system/count_allocations.cc)
  once_system_test(hot_path hot_path --library $<TARGET_FILE:count_allocations>)
endif()

# Those that look at sockets, files and loops, over the other backend too.
foreach(name basics contention crash half_closed limits loop_calls)
  once_system_test(${name}_epoll ${name} --io epoll)
endforeach()
