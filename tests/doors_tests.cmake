once_test(unit/doors/resp_parser_test.cc once_doors)
once_test(unit/doors/resp_writer_test.cc once_doors)
once_test(unit/doors/resp_door_test.cc once_doors)
