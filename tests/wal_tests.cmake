once_test(unit/log_test.cc once_wal)
if(TARGET once_data_directory)
  once_test(unit/data_directory_test.cc once_data_directory)
endif()
