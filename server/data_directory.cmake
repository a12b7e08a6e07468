# The data directory alone, so that its tests need nothing else of the server.
add_library(once_data_directory STATIC ${CMAKE_CURRENT_LIST_DIR}/data_directory.cc
                                       ${CMAKE_CURRENT_LIST_DIR}/directory_access.cc
                                       ${CMAKE_CURRENT_LIST_DIR}/directory_text.cc)
target_link_libraries(once_data_directory PUBLIC once_wal PRIVATE once_names)
