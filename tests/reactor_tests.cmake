once_test(unit/reactor/reactor_test.cc once_reactor)
once_test(unit/reactor/closing_test.cc once_reactor)
once_test(unit/reactor/loop_test.cc once_reactor)
once_test(unit/reactor/reactor_files_test.cc once_reactor)
# These stand between the reactor and liburing or the C library.
foreach(name uring_files uring_streams uring_loop epoll_operations prepared_files)
  once_test(unit/reactor/${name}_test.cc ALONE once_reactor ${URING} ${CMAKE_DL_LIBS})
endforeach()
once_test(unit/reactor/moved_memory_test.cc ALONE once_reactor)  # replaces operator new
once_test(unit/reactor/uring_ring_test.cc once_reactor ${URING})
once_test(unit/reactor/uring_names_test.cc once_reactor)

