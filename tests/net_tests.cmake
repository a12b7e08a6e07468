once_test(unit/codec_test.cc once_net)
target_compile_definitions(codec_test PRIVATE ONCE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
