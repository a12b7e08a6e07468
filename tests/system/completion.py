#!/usr/bin/env python3
"""The completion of each shell, asked in that shell, knows each command and option of --help."""

import os
import re
import subprocess

from cluster import USAGE, check, check_equal, options, run_steps

SHELLS = ("bash", "zsh", "fish")


class Completion:
    def __init__(self, where):
        self.once = os.path.join(where.bin, "once")
        self.environment = {**os.environ, "PATH": where.bin + ":" + os.environ["PATH"]}

    def run(self, *command, stdin=""):
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, text=True,
                              env=self.environment)
        check_equal(done.returncode, 0, f"{command}: {done.stderr}")
        check_equal(done.stderr, "", f"errors of {command}")
        return done.stdout

    def script(self, shell):
        return self.run(self.once, "completion", shell)

    def help_words(self, *command):
        text = self.run(self.once, *command, "--help")
        found = set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", text, re.MULTILINE))
        if not command:
            found |= set(re.findall(r"^  ([a-z]+) {2,}", text.split("\nCommands:")[1].split(
                "Exit codes")[0], re.MULTILINE))
        return found

    def commands(self):
        return {word for word in self.help_words() if not word.startswith("-")}

    def bash(self, *words):
        listed = " ".join(f"'{word}'" for word in words)
        return set(self.run("bash", "--norc", stdin=self.script("bash") + f"""
COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _once; echo "${{COMPREPLY[@]}}"
""").split())

    def fish(self, line):
        text = self.run("fish", "--no-config",
                        stdin=self.script("fish") + f"\ncomplete -C '{line}'\n")
        return {one.split("\t")[0] for one in text.splitlines()}


def every_word(completion):
    top = completion.help_words()
    check({"write", "read", "status", "completion", "--json"} <= top, f"words of --help: {top}")
    options_of_all = {word for word in top if word.startswith("-")}
    check_equal(completion.bash("once", ""), top, "bash: the first word")
    check_equal(completion.fish("once "), completion.commands(), "fish: the first word")
    for command in completion.commands():
        wanted = options_of_all | completion.help_words(command)
        check_equal(completion.bash("once", command, "--"), wanted, f"bash: options of {command}")
        check_equal(completion.fish(f"once {command} --"), wanted, f"fish: options of {command}")


def in_context(completion):
    check_equal(completion.bash("once", "--timeout", "5", "sta"), {"status"}, "after a value")
    check_equal(completion.bash("once", "--timeout", ""), set(), "a value is not a command")
    check(set(SHELLS) <= completion.bash("once", "completion", ""), "bash: the shells")
    check({"lock"} <= completion.bash("once", "help", "lo"), "bash: what help is about")
    check_equal(completion.fish("once completion "), set(SHELLS), "fish: the shells")


def zsh_takes_it(completion):
    """zsh completes on a terminal only: here it must load the script and bind it to `once`."""
    script = completion.script("zsh")
    bound = completion.run("zsh", "-f", stdin="autoload -U compinit; compinit -D -u\n" + script +
                           "\necho $_comps[once]\n")
    check_equal(bound.strip(), "_once", "what zsh completes once with")
    for command in completion.commands():
        part = script.split(f"    {command})\n")[1].split(";;")[0]
        for word in completion.help_words(command) | {"--json", "--timeout", "--endpoints"}:
            check(f"'{word}[" in part, f"zsh: {word} of {command}")


def unknown_shell(completion):
    for arguments in (["csh"], []):
        done = subprocess.run([completion.once, "completion", *arguments], capture_output=True,
                              timeout=30)
        check_equal(done.returncode, USAGE, f"completion {arguments}")
        check(b"SHELL" in done.stderr, f"the message names the argument: {done.stderr!r}")


if __name__ == "__main__":
    there = Completion(options())
    run_steps([("every word", lambda: every_word(there)), ("in context", lambda: in_context(there)),
               ("zsh", lambda: zsh_takes_it(there)), ("unknown", lambda: unknown_shell(there))])
