once_test(unit/codec_test.cc once_net)
target_compile_definitions(codec_test PRIVATE ONCE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
once_test(unit/peer_links_test.cc once_net)
once_test(unit/client_listener_test.cc once_net)
