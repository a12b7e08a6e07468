"""All chosen mutants: the woven ones in one build, then each other one in a build of its own.

The programs come in stages: those that somebody expects to kill a mutant first, the others only for
what lives on. So no more is built than is needed.
"""

import json
import os
import queue
import threading

import report
import tree
import trial
import weaving


class Campaign:
    """`chosen`: mutants with their places; `stages`: lists of killers; `every`: no stop at the
    first kill; `apart`: mutants that are not woven, and why."""

    def __init__(self, root, work, jobs, chosen, sources, stages, every, apart):
        self.chosen, self.sources, self.stages = chosen, sources, stages
        self.every, self.apart = every, dict(apart)
        self.journal_path = work / "rows.jsonl"
        jobs = min(jobs, len(chosen))
        self.cpus = os.cpu_count() or 1
        self.copies = [tree.Copy(root, work / f"copy-{index}", max(1, self.cpus // jobs))
                       for index in range(jobs)]
        self.woven, self.rows, self.control = None, {}, []

    def run(self):
        """The rows of the control, and those of the mutants: none if its first stage failed."""
        self.journal_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.journal_path, "w", encoding="utf-8") as journal:
            self.progress, self.journal = report.Progress(len(self.chosen)), journal
            self._run_stages()
            self.progress.end()
        if self.control_failed() and not self.rows:
            return self.control, []
        return self.control, [self._row_of(*one) for one in self.chosen]

    def control_failed(self):
        return any(row["failed"] for row in self.control)

    def _run_stages(self):
        tried = []
        for stage in self.stages:
            killers = [one for one in stage if any(one.able(mutant, trial.folder_of(places))
                                                   for mutant, places in self._alive())]
            if not killers:
                continue
            rows = self._build(killers) or trial.run_control(self.copies[0].build_dir, killers)
            self.control += rows
            if self.control_failed():
                return
            tried += killers
            self._try_woven(killers)
            self._try_alone([one for one in self._alive() if one[0].name in self.woven.alone],
                            killers)
        if not tried:
            return
        # Of what is evaluated elsewhere the number says nothing: the last word has a build.
        lived = [one for one in self._alive() if one[0].name in self.woven.numbers]
        self.woven.alone.update({mutant.name: "it survived when woven" for mutant, _ in lived})
        self._try_alone(lived, tried)

    def _row_of(self, mutant, places):
        if mutant.name in self.rows:
            return self.rows[mutant.name]
        return {**trial.empty_row(mutant, places, "nothing was built"),
                "error": "no program can see it"}

    def _alive(self):
        return [one for one in self.chosen if not trial.is_settled(self.rows.get(one[0].name))]

    def _build(self, killers):
        """None, or the row of a control that failed. What does not compile when it is woven is left
        to be built alone."""
        places_of = {mutant.name: places for mutant, places in self.chosen}
        while True:
            self.woven = weaving.weave(self.chosen, self.sources, self.apart)
            self.copies[0].prepare(self.woven.texts)
            programs = {one.program(self.copies[0].build_dir) for one in killers}
            log = self.copies[0].build(sorted(programs), self.cpus, all_errors=True)
            if log is None:
                break
            guilty = weaving.to_be_taken_apart(log, self.woven, places_of)
            if not guilty:
                return [{"killer": "build", "failed": True, "seconds": 0.0,
                         "detail": tree.first_errors(log)}]
            self.apart.update({name: "it does not compile when woven" for name in guilty})
        for copy in self.copies[1:]:
            copy.prepare(self.woven.texts)
        return None

    def _try_woven(self, killers):
        def work(_, mutant, places):
            return trial.run_woven(self.copies[0].build_dir, mutant, places,
                                   self.woven.numbers[mutant.name], killers, self.every)

        self._share([one for one in self._alive() if one[0].name in self.woven.numbers], work)

    def _try_alone(self, mutants, killers):
        def work(copy, mutant, places):
            return trial.run_alone(copy, mutant, places, self.sources,
                                   self.woven.alone[mutant.name], killers, self.every)

        self._share(mutants, work)

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
                self._note(row)

        threads = [threading.Thread(target=loop, args=(copy,)) for copy in self.copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _note(self, row):
        """The journal gets a line for each trial as it ends."""
        self.rows[row["mutant"]] = row
        self.progress.step(row["mutant"], sum(map(trial.is_settled, list(self.rows.values()))))
        self.journal.write(json.dumps(row) + "\n")
        self.journal.flush()
