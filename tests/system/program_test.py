#!/usr/bin/env python3
"""`Program.freeze` beside the end of the program: it says which came first, and never waits for a
program that has ended to stop."""

import time
import unittest

from program import Program

TRIES = 200
STEP_S = 0.00003  # from "not begun" to "ended", for a program that does nothing


class Nodes:
    def endpoints(self, _):
        return ""


class FreezeTest(unittest.TestCase):
    def test_one_that_runs_is_frozen(self):
        with Program(Nodes(), ["cat"]) as program:
            self.assertTrue(program.freeze())
            program.tell("a line")
            program.is_silent(0.05)
            program.thaw()
            program.expect("a line")

    def test_one_that_has_ended_is_not(self):
        with Program(Nodes(), ["true"]) as program:
            self.assertIsNone(program.line())
            self.assertFalse(program.freeze())

    def test_one_that_is_about_to_end(self):
        for number in range(TRIES):
            with Program(Nodes(), ["true"]) as program:
                time.sleep(number * STEP_S)
                program.freeze()


if __name__ == "__main__":
    unittest.main()
