once_test(paper/replica_test.cc once_paxos)
target_include_directories(replica_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/paper)
