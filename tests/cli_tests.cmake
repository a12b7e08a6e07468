once_test(unit/cli/command_words_test.cc once_arguments)
once_test(unit/cli/status_verdict_test.cc once_status_table)
once_test(unit/cli/status_survey_test.cc once_status_table)
once_test(unit/cli/explain_verdict_test.cc once_arguments)
once_test(unit/cli/explain_test.cc once_status_table)
# Commands run in the test's process, against registers in memory.
foreach(name child find_program front signals run_command lock_command operation_command
        list_command)
  once_test(unit/cli/${name}_test.cc once_commands once_paxos)
endforeach()
