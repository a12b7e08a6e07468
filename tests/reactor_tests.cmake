once_test(unit/reactor_test.cc once_reactor)
once_test(unit/reactor_files_test.cc once_reactor)
