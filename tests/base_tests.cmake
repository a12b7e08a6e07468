once_test(unit/histogram_test.cc once_base)
once_test(unit/fifo_test.cc once_base)
once_test(unit/printable_test.cc once_base)
once_test(unit/draw_ids_test.cc once_base)
