once_test(unit/hold_queue_test.cc once_base)
once_test(unit/mailbox_test.cc once_base)
