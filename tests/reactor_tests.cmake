once_test(unit/reactor_test.cc once_reactor)
