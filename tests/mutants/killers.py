"""The tests that mutants run against, each with a fixed budget."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

# A hang is a kill only where the control took less than a third of the time allowed.
HANG_FACTOR = 4
SHORTEST_LIMIT_S = 30
NOTHING_RAN = re.compile(r"^\[==========\] Running 0 tests", re.MULTILINE)


def programs_in(build_dir):
    """Of each source of tests its program, as tests/CMakeLists.txt writes them down."""
    path = pathlib.Path(build_dir) / "tests" / "programs.txt"
    if not path.is_file():
        return {}
    return dict(line.split() for line in path.read_text(encoding="utf-8").splitlines())


class Outcome:
    def __init__(self, failed, detail, seconds):
        self.failed, self.detail, self.seconds = failed, detail, seconds


class Killer:
    """The tests of one source (`name`: its stem; a second word tells two killers apart), or a
    program that is called so. `folders`: whose mutants it can see; `cost`: the cheap ones run
    first."""

    def __init__(self, name, arguments, folders, cost, control_limit_s=400):
        self.name, self.arguments, self.folders, self.cost = name, arguments, folders, cost
        self.stem = name.split(" ")[0]
        self.control_limit_s, self.control_s = control_limit_s, 0.0

    def limit_s(self):
        return max(SHORTEST_LIMIT_S, HANG_FACTOR * self.control_s)

    def able(self, mutant, folder):
        """Whether it can see a mutant of this folder."""
        return folder in self.folders or self.stem in mutant.killers

    def program(self, build_dir):
        """What to build."""
        return programs_in(build_dir).get(self.stem, self.stem)

    def command(self, build_dir):
        programs = programs_in(build_dir)
        chosen = [f"--from={self.stem}"] if self.stem in programs else []
        path = pathlib.Path(build_dir) / "bin" / programs.get(self.stem, self.stem)
        return [str(path), *chosen, *self.arguments]

    def run(self, build_dir, limit_s, settings=()):
        """`settings`: of the environment, beside what is set anyway."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(dir=build_dir) as scratch:
            process = subprocess.Popen(
                self.command(build_dir), cwd=scratch, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "TMPDIR": scratch, **dict(settings)})
            try:
                output, _ = process.communicate(timeout=limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
                text = output.decode(errors="replace")
                return Outcome(True, f"hangs after {limit_s:.0f} s: {where(text)}",
                               time.monotonic() - begun)
        seconds = time.monotonic() - begun
        text = output.decode(errors="replace")
        if NOTHING_RAN.search(text):
            return Outcome(True, "it runs no test", seconds)
        return Outcome(process.returncode != 0, describe(text, process.returncode), seconds)


def where(text):
    """The test that was running."""
    begun = re.findall(r"\[ RUN      \] (\S+)", text)
    return begun[-1] if begun else ""


def describe(text, code):
    """One line: which test, seed or schedule, and the assertion or message if there is one."""
    if code == 0:
        return ""
    text = re.sub(r"^Note: Google Test filter = [^\n]*\n", "", text, flags=re.MULTILINE)
    parts = []
    failed = re.search(r"\[  FAILED  \] (\S+)", text)
    test = failed.group(1).rstrip(",") if failed else where(text)
    if test:
        parts.append(test)
    for pattern in (r"\bseed[ =:]+(\d+)", r"(replay[^\n]*)", r"(scenario[^\n]*)"):
        found = re.search(pattern, text, re.IGNORECASE)
        if found and found.group(1) not in " ".join(parts):
            parts.append(f"seed {found.group(1)}" if found.group(1).isdigit() else found.group(1))
    found = re.search(r"^(?!\[)[^\n]*(?:violation|assertion)[^\n]*", text,
                      re.IGNORECASE | re.MULTILINE)
    if found:
        parts.append(found.group(0).strip())
    if code < 0:
        parts.append(signal.Signals(-code).name)
    if not parts:
        parts = [line for line in text.splitlines() if line.strip()][-1:] or [f"exit code {code}"]
    return "; ".join(parts)[:200]


PAPER = ["adopted_batch_test", "ballots_test", "batch_test", "change_test", "claim_test",
         "confirmation_test", "counting_test", "durability_test", "explanation_test",
         "ignored_test", "keeping_test", "limits_test", "linger_test", "lost_changes_test",
         "quorum_read_test", "read_test", "requests_test", "room_test", "runs_test", "wait_test",
         "at_most_once_test", "send_on_test", "slots_test", "give_way_test", "far_ballots_test",
         "contradiction_test", "fairness_test", "hedge_test", "keep_test", "news_test"]
WALK = "*RandomSchedules*"


def unit(name, folders, cost):
    return Killer(name, ["--gtest_brief=0", "--gtest_fail_fast"], folders, cost)


def known(fast):
    """All of them; the fast subset leaves out what takes long."""
    whole = {"paxos", "wal", "server", "client", "net"}
    killers = [unit(name, {"base", "paxos"} if name == "far_ballots_test" else {"paxos"}, 1)
               for name in PAPER]
    killers += [
        unit("allocation_test", {"paxos"}, 2),
        unit("unsettled_list_test", {"paxos"}, 1), unit("table_test", {"paxos"}, 1),
        unit("table_walk_test", {"paxos"}, 2),
        unit("name_index_test", {"paxos"}, 2),
        unit("active_names_test", {"paxos"}, 1),
        unit("votes_test", {"paxos"}, 1), unit("cluster_test", {"paxos"}, 1),
        unit("step_context_test", {"paxos"}, 1), unit("acceptor_test", {"paxos"}, 1),
        unit("batch_fate_test", {"paxos"}, 1), unit("sequencer_test", {"paxos"}, 1),
        unit("lanes_test", {"paxos"}, 1), unit("outbox_test", {"paxos"}, 1),
        unit("watchers_test", {"paxos"}, 1),
        unit("claim_pages_test", {"paxos"}, 1), unit("digest_test", {"paxos"}, 1),
        unit("packed_state_test", {"paxos"}, 1),
        unit("learn_test", {"paxos"}, 1), unit("majority_read_test", {"paxos"}, 1),
        unit("learning_test", {"paxos"}, 1), unit("catch_up_test", {"paxos"}, 1),
        unit("catch_up_pace_test", {"paxos"}, 1),
        unit("catching_up_test", {"paxos"}, 2),
        unit("candidate_pool_test", {"paxos"}, 1), unit("replay_test", {"paxos"}, 1),
        unit("trust_test", {"paxos"}, 1),
        unit("task_pool_test", {"paxos"}, 1), unit("back_off_test", {"paxos"}, 1),
        unit("next_hop_test", {"paxos"}, 1), unit("lingers_test", {"paxos"}, 1),
        unit("requests_answers_test", {"paxos"}, 1),
        unit("listing_test", {"paxos"}, 1), unit("shard_lists_test", {"server"}, 1),
        unit("figures_test", {"server"}, 1), unit("shard_explain_test", {"server"}, 1),
        unit("shard_disk_test", {"server"}, 1),
        unit("explain_verdict_test", {"client"}, 1), unit("explain_test", {"client"}, 1),
        unit("name_hasher_test", {"base", "paxos"}, 1),
        unit("record_test", {"paxos"}, 1), unit("keep_test", {"paxos"}, 3),
        unit("untrusted_input_test", {"paxos", "net"}, 1),
        unit("framing_test", {"net"}, 1), unit("peer_messages_test", {"net"}, 1),
        unit("codec_test", {"net", "paxos"}, 1), unit("peer_hello_test", {"net"}, 1),
        unit("client_channel_test", {"net"}, 1), unit("client_listener_test", {"net"}, 2),
        unit("peer_links_test", {"net"}, 2),
        Killer("replica_test", ["--gtest_fail_fast", f"--gtest_filter=-{WALK}"], {"paxos"}, 2),
        unit("storage_test", {"wal"}, 2), unit("durable_files_test", {"base", "wal", "server"}, 2),
        unit("log_faults_test", {"wal"}, 3), unit("log_test", {"wal"}, 4),
        unit("segment_use_test", {"wal"}, 1), unit("segment_reader_test", {"wal"}, 1),
        unit("highest_numbers_test", {"wal"}, 1),
        unit("batch_records_test", {"wal"}, 1),
        unit("recycled_log_test", {"wal"}, 2), unit("recycled_faults_test", {"wal"}, 2),
        unit("log_format_test", {"wal"}, 1),
        unit("log_live_test", {"wal"}, 6), unit("lazy_records_test", {"wal"}, 1),
        unit("host_port_test", {"base"}, 1), unit("descriptor_test", {"base"}, 1),
        unit("durable_file_test", {"base"}, 1), unit("ordered_test", {"base"}, 1),
        unit("prepared_files_test", {"base", "reactor"}, 1),
        unit("uring_files_test", {"reactor"}, 2),
        unit("epoll_operations_test", {"reactor"}, 2),
        unit("reactor_files_test", {"reactor"}, 2), unit("uring_streams_test", {"reactor"}, 3),
        unit("uring_loop_test", {"reactor"}, 3), unit("loop_test", {"reactor"}, 1),
        unit("closing_test", {"reactor"}, 6),
        unit("moved_memory_test", {"reactor"}, 1), unit("reactor_test", {"reactor"}, 4),
        unit("durable_log_test", {"wal"}, 1),
        unit("frame_assembler_test", {"net"}, 1), unit("peer_links_faults_test", {"net"}, 2),
        unit("log_limiter_test", {"net"}, 1), unit("log_writer_test", {"base", "server"}, 1),
        unit("client_doors_test", {"base", "net"}, 2), unit("client_memory_test", {"net"}, 2),
        unit("client_shares_test", {"net"}, 2), unit("client_guests_test", {"net"}, 2),
        unit("guest_ends_test", {"net"}, 1), unit("guest_bounds_test", {"net"}, 1),
        unit("turned_away_test", {"net"}, 1),
        unit("client_company_test", {"net"}, 2), unit("resp_parser_test", {"doors"}, 1),
        unit("resp_writer_test", {"doors"}, 1), unit("resp_door_test", {"doors"}, 1),
        unit("resp_kept_test", {"doors"}, 1),
        unit("http_head_test", {"doors"}, 1), unit("http_values_test", {"doors"}, 1),
        unit("http_door_test", {"doors"}, 1), unit("http_outcomes_test", {"doors"}, 1),
        unit("http_fields_test", {"doors"}, 1),
        unit("resp_connection_test", {"doors"}, 1), unit("choose_test", {"doors"}, 1),
        unit("list_codec_test", {"net"}, 1),
        unit("uring_ring_test", {"reactor"}, 1),
        unit("memory_budget_test", {"server"}, 2), unit("mailbox_test", {"server"}, 2),
        unit("post_office_test", {"server"}, 1), unit("core_mail_test", {"server"}, 1),
        unit("metrics_test", {"server"}, 1), unit("metrics_page_test", {"server"}, 1),
        unit("metric_writer_test", {"server"}, 1), unit("traffic_test", {"server"}, 1),
        unit("shard_traffic_test", {"server"}, 1), unit("health_test", {"server"}, 1),
        unit("admin_listener_test", {"server"}, 1),
        unit("hold_queue_test", {"server"}, 1), unit("request_table_test", {"server"}, 1),
        unit("admission_test", {"server"}, 2), unit("clerk_test", {"server"}, 1),
        unit("peer_meetings_test", {"net"}, 2),
        unit("peer_strangers_test", {"net"}, 2), unit("seats_test", {"server"}, 2),
        unit("node_cores_test", {"server"}, 2),
        unit("node_cores_memory_test", {"server"}, 2), unit("stream_replay_test", {"server"}, 1),
        unit("busy_cleaner_test", {"server", "wal"}, 1),
        unit("cleaner_test", {"server", "wal"}, 9),
        unit("shard_memory_test", {"server"}, 1), unit("directory_text_test", {"server"}, 1),
        unit("shard_test", {"server"}, 1), unit("disk_watch_test", {"server"}, 1),
        unit("shard_mail_test", {"server"}, 1), unit("data_directory_test", {"server"}, 3),
        unit("session_test", {"client"}, 1), unit("session_rules_test", {"client"}, 1),
        unit("lock_machine_test", {"client"}, 1), unit("lock_rules_test", {"client"}, 1),
        unit("lock_walk_test", {"client"}, 2),
        unit("session_wait_test", {"client"}, 1), unit("conversation_test", {"client"}, 1),
        unit("client_test", {"client"}, 2), unit("name_pages_test", {"client"}, 2),
        unit("session_memory_test", {"client"}, 1), unit("socket_test", {"client"}, 3),
        unit("name_resolver_test", {"base"}, 1), unit("name_resolver_memory_test", {"base"}, 1),
        unit("uring_names_test", {"base", "reactor"}, 2),
        unit("client_names_test", {"base", "client"}, 3),
        unit("dialable_test", {"base"}, 1), unit("nearest_word_test", {"base"}, 1),
        unit("start_addresses_test", {"server"}, 1), unit("peer_watch_test", {"server"}, 1),
        unit("dev_plan_test", {"server"}, 2), unit("dev_console_test", {"server"}, 1),
        unit("draw_ids_test", {"base"}, 1),
        unit("page_toucher_test", {"base", "paxos"}, 1), unit("printable_test", {"base"}, 1),
        unit("output_test", {"base"}, 1), unit("signals_test", {"cli"}, 1),
        unit("directory_access_test", {"server"}, 1), unit("descriptors_test", {"server"}, 1),
        unit("session_cluster_test", {"client"}, 1),
        unit("endpoints_test", {"base"}, 1), unit("command_words_test", {"base", "cli"}, 1),
        unit("onced_words_test", {"server"}, 1),
        unit("status_verdict_test", {"cli"}, 1), unit("status_survey_test", {"cli"}, 2),
        unit("lock_test", {"client"}, 3),
        unit("client_ids_test", {"client"}, 1), unit("fork_test", {"client"}, 3),
        unit("run_command_test", {"cli"}, 2),
        unit("operation_command_test", {"base", "cli"}, 2),
        unit("lock_clock_test", {"client"}, 3), unit("client_sends_test", {"client"}, 3),
        unit("child_test", {"cli"}, 4), unit("front_test", {"cli"}, 2),
        unit("lock_command_test", {"cli"}, 5),
        unit("find_program_test", {"cli"}, 1), unit("list_command_test", {"cli"}, 4),
    ]
    if not fast:
        killers += [
            unit("recycling_test", {"wal"}, 10),
            unit("damage_test", {"wal"}, 20), unit("crash_points_test", {"wal"}, 30),
            Killer("replica_test walk", ["--gtest_fail_fast", f"--gtest_filter={WALK}"],
                   {"paxos"}, 10),
            unit("register_walk_test", {"paxos"}, 9),
            Killer("once-sim", ["--seeds", "1..300"], whole, 25),
            Killer("once-exhaustive", ["--max-states", "200000"], {"paxos"}, 40),
        ]
    return killers


def in_order(mutant, folder, killers):
    """Those that can see the mutant; the expected ones first, then by cost."""
    able = [one for one in killers if one.able(mutant, folder)]
    return sorted(able, key=lambda one: (one.stem not in mutant.killers, one.cost))
