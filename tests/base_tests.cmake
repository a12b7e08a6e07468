once_test(unit/histogram_test.cc once_base)
