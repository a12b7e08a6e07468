once_test(unit/histogram_test.cc once_base)
once_test(unit/fifo_test.cc once_base)
once_test(unit/draw_ids_test.cc once_base)
once_test(unit/name_resolver_test.cc once_names)
