"""The patches: a header of "Key: text" lines, then a unified diff with three lines of context."""

import pathlib
import re
import subprocess
import sys
import tempfile

KEYS = ("Defect", "Wrong because", "Seen in", "Killers", "Fast")


class Patch:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        text = path.read_text()
        cut = text.find("\n--- ")
        if cut < 0:
            sys.exit(f"{path}: no diff in it")
        self.head, self.diff = text[:cut + 1], text[cut + 1:]
        fields = self._fields()
        self.defect = fields.get("Defect", "")
        self.expected = fields.get("Killers", "").replace(",", " ").split()
        self.fast = fields.get("Fast", "") == "yes"
        self.files = re.findall(r"^\+\+\+ b/(\S+)", self.diff, re.MULTILINE)
        for key in ("Defect", "Wrong because", "Killers"):
            if not fields.get(key):
                sys.exit(f"{path}: the header lacks \"{key}:\"")
        if len(self.files) != 1:
            sys.exit(f"{path}: a mutant changes one file, this one {len(self.files)}")

    def _fields(self):
        fields, key = {}, None
        for line in self.head.splitlines():
            match = re.match(r"([A-Z][a-z ]+): (.*)", line)
            if match:
                key = match.group(1)
                if key not in KEYS:
                    sys.exit(f"{self.path}: unknown header \"{key}:\"")
                fields[key] = match.group(2)
            elif key and line.strip():
                fields[key] += " " + line.strip()
        return fields

    def in_order(self, killers):
        """Those that can see the mutated folder; the expected ones first, then by cost."""
        folder = self.files[0].split("/")[0]
        able = [one for one in killers if folder in one.folders]
        return sorted(able, key=lambda one: (one.target not in self.expected, one.cost))


def read_all(folder):
    return [Patch(path) for path in sorted(pathlib.Path(folder).glob("*.patch"))]


def apply_strictly(patch, directory):
    """None, or why it does not apply. The directory counts as no part of any repository."""
    for arguments in (["--check"], []):
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", *arguments, "-"], cwd=directory,
            input=patch.diff, text=True, capture_output=True,
            env=_outside_of_git(directory), check=False)
        if done.returncode != 0:
            return done.stderr.strip()
    return None


def _outside_of_git(directory):
    import os
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment["GIT_CEILING_DIRECTORIES"] = str(pathlib.Path(directory).resolve().parent)
    return environment


def refresh(root, patches):
    """Rewrites patches whose context has moved. What fuzz cannot place stays, and is named."""
    lost = 0
    for patch in patches:
        name = patch.files[0]
        with tempfile.TemporaryDirectory() as directory:
            for side in ("a", "b"):
                target = pathlib.Path(directory, side, name)
                target.parent.mkdir(parents=True)
                target.write_bytes((root / name).read_bytes())
            done = subprocess.run(["patch", "-p1", "-F3", "--no-backup-if-mismatch"],
                                  cwd=f"{directory}/b", input=patch.diff, text=True,
                                  capture_output=True, check=False)
            if done.returncode != 0:
                lost += 1
                print(f"{patch.name}: {done.stdout.strip().splitlines()[-1]}")
                continue
            made = subprocess.run(["diff", "-U3", f"a/{name}", f"b/{name}"], cwd=directory,
                                  text=True, capture_output=True, check=False).stdout
        made = re.sub(r"^(---|\+\+\+) (\S+)\t.*$", r"\1 \2", made, flags=re.MULTILINE)
        if made != patch.diff:
            patch.path.write_text(patch.head + made)
            print(f"{patch.name}: rewritten; look at it")
    return 1 if lost else 0
