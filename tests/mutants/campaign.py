"""All chosen mutants: the woven ones in one build, then each other one in a build of its own."""

import json
import os
import queue
import threading

import report
import tree
import trial
import weaving

SURVIVED_WOVEN = "it survived when woven"


class Campaign:
    """`chosen`: mutants with their places; `every`: no stop at the first kill; `apart`: mutants
    that are not woven, and why."""

    def __init__(self, root, work, jobs, chosen, sources, killers, every, apart):
        self.work, self.chosen, self.sources = work, chosen, sources
        self.killers, self.every, self.apart = killers, every, dict(apart)
        self.jobs = min(jobs, len(chosen))
        cpus = os.cpu_count() or 1
        self.copies = [tree.Copy(root, work / f"copy-{index}", max(1, cpus // jobs))
                       for index in range(self.jobs)]
        self.woven, self.rows = None, {}

    def run(self):
        """The rows of the control, and those of the mutants."""
        control = self._build_woven() or trial.run_control(self.copies[0].build_dir, self.killers)
        if any(row["failed"] for row in control):
            return control, []
        for copy in self.copies[1:]:
            copy.prepare(self.woven.texts)
        with open(self.work / "rows.jsonl", "w", encoding="utf-8") as journal:
            self.progress, self.journal = report.Progress(len(self.chosen)), journal
            self._run_woven()
            self._run_alone()
            self.progress.end()
        return control, [self.rows[mutant.name] for mutant, _ in self.chosen]

    def _build_woven(self):
        """None, or a control that failed. What does not compile when woven is left to be built
        alone."""
        copy, places_of = self.copies[0], {mutant.name: places for mutant, places in self.chosen}
        targets = sorted({killer.target for killer in self.killers})
        while True:
            self.woven = weaving.weave(self.chosen, self.sources, self.apart)
            copy.prepare(self.woven.texts)
            log = copy.build(targets, os.cpu_count() or 1, all_errors=True)
            if log is None:
                return None
            guilty = weaving.to_be_taken_apart(log, self.woven, places_of)
            if not guilty:
                return [{"killer": "build", "failed": True, "seconds": 0.0,
                         "detail": tree.first_errors(log)}]
            self.apart.update({name: "it does not compile when woven" for name in guilty})

    def _run_woven(self):
        build_dir = self.copies[0].build_dir

        def work(_, mutant, places):
            row = trial.run_woven(build_dir, mutant, places, self.woven.numbers[mutant.name],
                                  self.killers, self.every)
            if row["killed"]:
                return row
            # Its defect may not reach what is evaluated elsewhere: the last word has a build.
            self.woven.alone[mutant.name] = SURVIVED_WOVEN
            return None

        self._share([one for one in self.chosen if one[0].name in self.woven.numbers], work)

    def _run_alone(self):
        def work(copy, mutant, places):
            return trial.run_alone(copy, mutant, places, self.sources,
                                   self.woven.alone[mutant.name], self.killers, self.every)

        self._share([one for one in self.chosen if one[0].name in self.woven.alone], work)

    def _share(self, mutants, work):
        """Each copy has a thread of its own; the threads share one queue."""
        todo = queue.Queue()
        for one in mutants:
            todo.put(one)

        def loop(copy):
            while True:
                try:
                    mutant, places = todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    row = work(copy, mutant, places)
                except Exception as trouble:  # a row, so that the others still get theirs
                    row = {**trial.empty_row(mutant, places, "the runner failed"),
                           "error": f"the runner: {trouble!r}"}
                if row:
                    self._note(row)

        threads = [threading.Thread(target=loop, args=(copy,)) for copy in self.copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _note(self, row):
        """The journal gets a line for each as it ends."""
        self.rows[row["mutant"]] = row
        self.progress.step(row["mutant"])
        self.journal.write(json.dumps(row) + "\n")
        self.journal.flush()
