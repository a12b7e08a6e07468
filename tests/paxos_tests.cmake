once_test(paper/replica_test.cc once_paxos)
