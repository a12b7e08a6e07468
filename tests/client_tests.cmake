once_test(unit/session_test.cc once_client)
once_test(unit/session_rules_test.cc once_client)
once_test(unit/client_test.cc once_client)
once_test(unit/awaitable_test.cc once_client)
