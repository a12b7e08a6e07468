once_test(unit/client_test.cc once_client)
