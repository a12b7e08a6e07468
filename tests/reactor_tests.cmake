once_test(unit/reactor_test.cc once_reactor)
once_test(unit/reactor_files_test.cc once_reactor)
# These stand between the reactor and liburing or the C library.
foreach(name uring_files uring_streams uring_loop prepared_files)
  once_test(unit/${name}_test.cc once_reactor)
  target_link_libraries(${name}_test PRIVATE ${URING} ${CMAKE_DL_LIBS})
endforeach()
once_test(unit/uring_names_test.cc once_reactor)
