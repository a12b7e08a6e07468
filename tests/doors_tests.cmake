once_test(unit/doors/http_head_test.cc once_doors)
once_test(unit/doors/http_values_test.cc once_doors)
once_test(unit/doors/http_door_test.cc once_doors)
once_test(unit/doors/http_outcomes_test.cc once_doors)
