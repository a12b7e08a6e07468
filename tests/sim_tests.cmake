find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

# The product's libraries once more, with their rare branches in the hands of the seed
# (base/rarely.h): NAME_rare for each, linked among themselves. Only the simulator links them.
function(once_rare_variants)
  foreach(name IN LISTS ARGN)
    get_target_property(folder ${name} SOURCE_DIR)
    get_target_property(sources ${name} SOURCES)
    get_target_property(libraries ${name} LINK_LIBRARIES)
    list(TRANSFORM sources REPLACE "^([^/].*)$" "${folder}/\\1")
    foreach(other IN LISTS ARGN)
      list(TRANSFORM libraries REPLACE "^${other}$" "${other}_rare")
    endforeach()
    add_library(${name}_rare STATIC ${sources})
    target_compile_definitions(${name}_rare PUBLIC ONCE_RARE_BRANCHES)
    target_link_libraries(${name}_rare PUBLIC ${libraries})
    once_product_headers(${name}_rare)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # they are units, see once_product()
      target_compile_options(${name}_rare PRIVATE -Wno-subobject-linkage)
    endif()
  endforeach()
endfunction()
once_rare_variants(once_paxos once_wal once_net once_shard once_data_directory once_node
                   once_client)

# The same as once_invariants, over the core that this simulates.
add_library(once_invariants_rare STATIC exhaustive/core_probe.cc invariants/invariants.cc
  invariants/views.cc invariants/watch.cc)
target_link_libraries(once_invariants_rare PUBLIC once_paxos_rare fmt::fmt)

add_library(once_sim_lib STATIC
  sim/alone_phase.cc sim/client.cc sim/disk.cc sim/fair_phase.cc sim/fairness.cc sim/faults.cc
  sim/lock_judge.cc sim/locker.cc sim/network.cc sim/node.cc sim/oracle.cc sim/patron.cc
  sim/plan.cc sim/rare_branches.cc sim/report.cc sim/run.cc
  sim/seed_story.cc sim/sim_files.cc sim/sim_io.cc sim/story_picture.cc sim/story_script.cc
  sim/story_stage.cc sim/story_teller.cc sim/story_text.cc sim/story_words.cc sim/trace.cc
  sim/workers.cc sim/world.cc)
set_source_files_properties(sim/story_script.cc PROPERTIES
  COMPILE_DEFINITIONS ONCE_STORIES="${CMAKE_CURRENT_SOURCE_DIR}/sim/stories")
target_link_libraries(once_sim_lib PUBLIC once_invariants_rare once_node_rare once_client_rare
                      once_check fmt::fmt nlohmann_json::nlohmann_json)

set_source_files_properties(sim/main.cc PROPERTIES COMPILE_OPTIONS "${ONCE_COLD}")
add_executable(once-sim sim/main.cc)
target_link_libraries(once-sim PRIVATE once_sim_lib CLI11::CLI11)

once_test(sim/sim_test.cc once_sim_lib)
once_test(sim/sim_files_test.cc once_sim_lib)
once_test(sim/trace_test.cc once_sim_lib)
once_test(sim/fairness_judge_test.cc once_sim_lib)
once_test(sim/seed_story_test.cc once_sim_lib)
once_test(sim/lock_judge_test.cc once_sim_lib)
add_test(NAME sim_command
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/sim/command_test.py
          $<TARGET_FILE:once-sim>)

# The page about Paxos shows what the nodes really do.
add_test(NAME sim_stories
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/sim/stories_test.py
          $<TARGET_FILE:once-sim>)

# What is shipped has nothing of the rare branches' switch.
add_test(NAME sim_rare_branches
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/sim/rare_branches_test.py
          --with $<TARGET_FILE:once-sim>
          --without $<TARGET_FILE:onced> $<TARGET_FILE:once> $<TARGET_FILE:once-bench>)

# Bounded: what `make sim` does for hours, for seconds.
add_test(NAME sim_seeds COMMAND once-sim --seeds 1..200)
add_test(NAME sim_deterministic COMMAND once-sim --seeds 1001..1010 --twice)
set_tests_properties(sim_command sim_stories sim_seeds sim_deterministic PROPERTIES TIMEOUT 120)
once_label(sim sim_command sim_stories sim_rare_branches sim_seeds sim_deterministic)
