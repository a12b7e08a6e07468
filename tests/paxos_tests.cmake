once_test(paper/replica_test.cc once_paxos)
once_test(unit/table_test.cc once_paxos)
once_test(paper/unsettled_list_test.cc once_paxos)
once_test(paper/allocation_test.cc once_paxos)
