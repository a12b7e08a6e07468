"""A copy of the source tree with a build of its own. Only what changed is copied and rebuilt."""

import os
import pathlib
import subprocess

BUILD_LIMIT_S = 1800
WHOLE_BUILD_LIMIT_S = 7200  # ten minutes of two idle cores; others may be at work
FLAGS = "-w"  # a mutant may leave something unused behind


class Copy:
    def __init__(self, root, directory, compile_jobs):
        self.root = pathlib.Path(root)
        self.directory = pathlib.Path(directory).resolve()
        self.source = self.directory / "source"
        self.build_dir = self.source / "build"
        self.compile_jobs = compile_jobs
        self.before = {}  # of the files that the mutant in hand has changed
        # The copies share what ccache, if there is one, keeps: with each other, and with the tree,
        # whose build stands at the same place in it and has the same options but for FLAGS.
        self.environment = {**os.environ, "CCACHE_IGNOREOPTIONS": FLAGS}

    def prepare(self, texts):
        """Brings the copy up to date, with `texts` in place of the files of these names. Times of
        unchanged files stay, so that they are not built again."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], cwd=self.root, check=True,
                                capture_output=True, text=True).stdout.split("\0")
        wanted = {name: (self.root / name).read_bytes() for name in listed
                  if name and (self.root / name).is_file()}
        wanted.update({name: text.encode() for name, text in texts.items()})
        for name, content in wanted.items():
            path = self.source / name
            if not path.is_file() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for path in self._files():
            if str(path.relative_to(self.source)) not in wanted:
                path.unlink()
        self._run(["cmake", "-G", "Ninja", "-S", str(self.source), "-B", str(self.build_dir),
                   "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2",
                   f"-DCMAKE_CXX_FLAGS={FLAGS}"], 120, check=True)

    def _files(self):
        """Those of the source."""
        for top in self.source.iterdir():
            if top == self.build_dir:
                continue
            yield from ([top] if top.is_file() else
                        [path for path in top.rglob("*") if path.is_file()])

    def build(self, targets, jobs=None, all_errors=False):
        """None, or what the compiler said. With `all_errors` the whole tree may be to be built."""
        limit_s = WHOLE_BUILD_LIMIT_S if all_errors else BUILD_LIMIT_S
        command = ["cmake", "--build", str(self.build_dir), f"-j{jobs or self.compile_jobs}",
                   "--target", *targets, *(["--", "-k", "0"] if all_errors else [])]
        try:
            done = self._run(command, limit_s)
        except subprocess.TimeoutExpired:
            return f"the build took more than {limit_s} s"
        return None if done.returncode == 0 else done.stdout

    def change(self, texts):
        """Writes what a mutant makes of these files, until revert()."""
        for name, text in texts.items():
            self.before[name] = (self.source / name).read_bytes()
            (self.source / name).write_bytes(text.encode())

    def revert(self):
        """What was before, as new files: what was built of the mutant must not stay."""
        for name, content in self.before.items():
            (self.source / name).write_bytes(content)
        self.before = {}

    def _run(self, command, limit_s, check=False):
        return subprocess.run(command, env=self.environment, timeout=limit_s, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=check)


def first_errors(log):
    """Of a compiler's output, what a person wants to see first."""
    errors = [line for line in log.splitlines() if "error" in line.lower()]
    return "\n".join(errors[:5] or log.splitlines()[-5:])
