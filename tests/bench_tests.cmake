# Every micro-benchmark runs, for a moment, so that none rots; its figures mean nothing here.
once_needs(once-micro)
add_test(NAME micro_benchmarks COMMAND once-micro --benchmark_min_time=0.001)
set_tests_properties(micro_benchmarks PROPERTIES FAIL_REGULAR_EXPRESSION "ERROR OCCURRED"
  TIMEOUT 120)
once_label(bench micro_benchmarks)

once_test(unit/bench/versions_test.cc once_bench_lib)
once_test(unit/bench/time_text_test.cc once_base)
once_test(unit/bench/report_test.cc once_bench_lib)
once_test(unit/bench/series_test.cc once_bench_lib)
once_test(unit/bench/team_test.cc once_bench_lib)
once_test(unit/bench/interrupt_test.cc once_bench_lib)
once_test(unit/bench/load_test.cc once_bench_lib once_client)
once_test(unit/bench/percentiles_test.cc once_bench_lib)

add_test(NAME bench_check_test COMMAND Python3::Interpreter
  ${CMAKE_CURRENT_SOURCE_DIR}/unit/bench/check_test.py)
once_label(bench bench_check_test)

once_test(unit/bench/gaps_test.cc once_base)
once_test(unit/bench/peer_sessions_test.cc once_peer_sessions)

add_test(NAME bench_peers_test COMMAND Python3::Interpreter
  ${CMAKE_CURRENT_SOURCE_DIR}/unit/bench/peers_test.py)
once_label(bench bench_peers_test)
