find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
add_library(once_sim_lib STATIC
  sim/client.cc sim/disk.cc sim/faults.cc sim/network.cc sim/node.cc sim/oracle.cc sim/plan.cc
  sim/report.cc sim/run.cc sim/sim_io.cc sim/trace.cc sim/workers.cc sim/world.cc)
target_link_libraries(once_sim_lib PUBLIC once_node once_client once_check fmt::fmt
                      nlohmann_json::nlohmann_json)

add_executable(once-sim sim/main.cc)
target_link_libraries(once-sim PRIVATE once_sim_lib CLI11::CLI11)

once_test(sim/sim_test.cc once_sim_lib)
add_test(NAME sim_command
  COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/sim/command_test.py
          $<TARGET_FILE:once-sim>)

# Bounded: what `make sim` does for hours, for seconds.
add_test(NAME sim_seeds COMMAND once-sim --seeds 1..200)
add_test(NAME sim_deterministic COMMAND once-sim --seeds 1001..1010 --twice)
set_tests_properties(sim_command sim_seeds sim_deterministic PROPERTIES TIMEOUT 120)
