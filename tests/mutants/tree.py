"""A copy of the source tree with a build of its own. Only what changed is copied and rebuilt."""

import os
import pathlib
import shutil
import subprocess

import patches

BUILD_LIMIT_S = 1800
FLAGS = "-O1 -w"  # quick to build; a mutant may leave something unused behind


class Copy:
    def __init__(self, root, directory, compile_jobs):
        self.root = pathlib.Path(root)
        self.directory = pathlib.Path(directory).resolve()
        self.source = self.directory / "source"
        self.build_dir = self.directory / "build"
        self.compile_jobs = compile_jobs
        self.originals = {}  # of the files that the mutant in hand has changed
        # Both copies share what ccache, if there is one, keeps.
        self.environment = {**os.environ, "CCACHE_BASEDIR": str(self.directory),
                            "CCACHE_NOHASHDIR": "1"}

    def prepare(self):
        """Brings the copy up to date; times of unchanged files stay, so that they are not built."""
        listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], cwd=self.root, check=True,
                                capture_output=True, text=True).stdout.split("\0")
        names = {name for name in listed if name and (self.root / name).is_file()}
        for name in names:
            ours, theirs = self.source / name, self.root / name
            if ours.is_file() and ours.read_bytes() == theirs.read_bytes():
                continue
            ours.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(theirs, ours)
        for path in list(self.source.rglob("*")):
            if path.is_file() and str(path.relative_to(self.source)) not in names:
                path.unlink()
        self._run(["cmake", "-G", "Ninja", "-S", str(self.source), "-B", str(self.build_dir),
                   "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_CXX_FLAGS={FLAGS}"], 120, check=True)

    def build(self, targets, jobs=None):
        """None, or the end of the compiler's output."""
        try:
            done = self._run(["cmake", "--build", str(self.build_dir),
                              f"-j{jobs or self.compile_jobs}", "--target", *targets],
                             BUILD_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"the build took more than {BUILD_LIMIT_S} s"
        if done.returncode == 0:
            return None
        errors = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        return "\n".join(errors[:5] or done.stdout.splitlines()[-5:])

    def apply(self, patch):
        originals = {name: (self.source / name).read_bytes() for name in patch.files
                     if (self.source / name).is_file()}
        error = patches.apply_strictly(patch, self.source)
        if error is None:
            self.originals = originals
        return error

    def revert(self):
        """The originals again, as new files: what was built of the mutant must not stay."""
        for name, content in self.originals.items():
            (self.source / name).write_bytes(content)
        self.originals = {}

    def _run(self, command, limit_s, check=False):
        return subprocess.run(command, env=self.environment, timeout=limit_s, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=check)
