#!/usr/bin/env python3
"""What a data set survives: python3 scripts/dataset_crash.py BINARY CONFIG.toml [--kills 30] [--seed 1] [--only kills,flip]

Builds CONFIG once without interruption and then under trouble, and compares all final files (everything but build.log) byte
for byte: kills (SIGKILL at random moments, started again until a build survives), leftovers (unfinished files of a killed
process go away), parts (--shard i/3 in one folder, and in three that are merged), together (two processes in one folder),
flip (verify finds one flipped byte, and that shard alone is made again), full (the disk is full half-way), read-only (the
folder cannot be written). Prints a line for each and ends with 1 where one failed. Standard library only.

A full and a read-only disk are small tmpfs mounts where this process may mount; else a limit of the size of files (full)
and a folder without write permission (read-only, skipped as root)."""
import argparse
import contextlib
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path


class Failure(Exception):
    """A mode found what must not be."""


class Skipped(Exception):
    """A mode cannot be tried here."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def final_files(folder):
    """Every file but the log with its checksum; unfinished ones count, so that leftovers are differences."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "build.log")
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def partials(folder):
    return [p.name for p in folder.glob(".*.partial")]


def records(folder):
    return {p.stem for p in folder.glob("shard-*.json")}


class Trials:
    def __init__(self, args, work):
        self.binary, self.config, self.work = args.binary.resolve(), args.config.resolve(), work
        self.threads, self.kills, self.random = args.threads, args.kills, random.Random(args.seed)
        self.mounts = []
        clock = time.monotonic()
        self.reference = work / "reference"
        self.must("build", self.config, "--out", self.reference)
        self.seconds = time.monotonic() - clock
        self.files = final_files(self.reference)
        self.shards = sorted(name for name in self.files if re.fullmatch(r"shard-\d+\.h5", name))
        for name in ["plan.json", "manifest.json", "contact.png", "overview.html"]:
            expect(name in self.files, f"an uninterrupted build left no {name}: {sorted(self.files)}")
        expect(self.shards, "an uninterrupted build left no shard")

    def command(self, *words):
        return [str(self.binary), "dataset", *map(str, words), "--threads", str(self.threads), "--quiet"]

    def run(self, *words, **options):
        return subprocess.run(self.command(*words), capture_output=True, text=True, **options)

    def must(self, *words):
        ran = self.run(*words)
        expect(ran.returncode == 0, f"dataset {words[0]} ended with {ran.returncode}: {ran.stderr.strip()}")
        return ran.stdout

    def start(self, folder, *words):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.command("build", self.config, "--out", folder, *words), **quiet)

    def same(self, folder, what):
        files = final_files(folder)
        if files != self.files:
            names = sorted(n for n in files.keys() | self.files.keys() if files.get(n) != self.files.get(n))
            raise Failure(f"{what}: differs from the uninterrupted build in {', '.join(names)}")

    def unfinished_is_right(self, folder, what):
        """What is there under a final name is complete, whatever else is missing. Of a shard that holds before its record too."""
        for name, checksum in final_files(folder).items():
            if not name.startswith("."):
                expect(self.files.get(name) == checksum, f"{what}: {name} is there and differs")

    def stage(self, folder):
        if not (folder / "plan.json").exists():
            return "planning"
        made = len(records(folder))
        if made < len(self.shards):
            writing = any("shard" in name for name in partials(folder))
            return "writing shards" if writing else "between plan and shards" if made == 0 else "between shards"
        if (folder / "overview.html").exists():
            return "all there"
        return "finishing"

    def wait(self, process, folder, what):
        _, error = process.communicate()
        expect(process.returncode == 0, f"{what}: a build ended with {process.returncode}: {error.strip()}")

    def killed(self, folder, after):
        """Whether a build into `folder` still ran `after` seconds after its start and was killed."""
        process = self.start(folder)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
        self_ended = process.wait() != -signal.SIGKILL
        error = process.stderr.read()
        process.stderr.close()
        expect(not self_ended or process.returncode == 0, f"a build ended with {process.returncode}: {error.strip()}")
        return not self_ended

    def mode_kills(self):
        kills, survived, stages, rounds = 0, 0, Counter(), 0
        while kills < self.kills:
            folder = self.fresh("kills")
            rounds += 1
            # what is left of a round shrinks as shards stay, and so does the time at which a kill still hits
            while self.killed(folder, self.random.uniform(0.0, 0.6 * self.seconds)):
                kills += 1
                stages[self.stage(folder)] += 1
                self.unfinished_is_right(folder, f"kill {kills}")
                if kills >= self.kills:
                    self.must("build", self.config, "--out", folder)
                    break
            else:
                survived += 1
            self.same(folder, f"round {rounds}, after {kills} kills")
        hit = ", ".join(f"{n} {stage}" for stage, n in sorted(stages.items()))
        return f"{kills} kills ({hit}) in {rounds} builds, all bit-identical"

    def mode_leftovers(self):
        for _ in range(40):
            folder = self.fresh("leftovers")
            process = self.start(folder)
            while process.poll() is None and not any("shard" in name for name in partials(folder)):
                time.sleep(0.001)
            process.kill()
            process.communicate()
            left = partials(folder)
            if left:
                self.must("build", self.config, "--out", folder)
                self.same(folder, "after a kill with unfinished files")
                return f"{len(left)} unfinished files of a killed build were removed by the next"
        raise Failure("no kill left an unfinished file in 40 builds")

    def mode_parts(self):
        folder = self.fresh("parts")
        for part in [2, 0, 1]:
            self.must("build", self.config, "--out", folder, "--shard", f"{part}/3")
        self.must("merge", folder)
        self.same(folder, "three parts in one folder")
        folders = [self.fresh(f"part-{part}") for part in range(3)]
        for part, own in enumerate(folders):
            self.must("build", self.config, "--out", own, "--shard", f"{part}/3")
        self.must("merge", *folders)
        self.same(folders[0], "three folders merged")
        return "three parts, in one folder and in three merged ones, are one process's"

    def mode_together(self):
        folder = self.fresh("together")
        both = [self.start(folder), self.start(folder)]
        for process in both:
            self.wait(process, folder, "two at once")
        self.same(folder, "two processes at once")
        folder = self.fresh("together")
        both = [self.start(folder, "--shard", f"{part}/2") for part in range(2)]
        for process in both:
            self.wait(process, folder, "two parts at once")
        self.must("merge", folder)
        self.same(folder, "two parts at once")
        return "two processes at once in one folder, whole and in parts, leave what one does"

    def mode_flip(self):
        folder = self.fresh("flip")
        shutil.copytree(self.reference, folder)
        self.must("verify", folder)
        name = self.random.choice(self.shards)
        shard = bytearray((folder / name).read_bytes())
        at = self.random.randrange(len(shard))
        shard[at] ^= 1 << self.random.randrange(8)
        (folder / name).write_bytes(shard)
        ran = self.run("verify", folder)
        said = ran.stdout + ran.stderr
        expect(ran.returncode != 0, f"verify did not see byte {at} of {name} flipped")
        # a shard is named by its file or by its record
        named = {n for n in self.shards if Path(n).stem in said}
        expect(named == {name}, f"verify named {sorted(named)}, and {name} is damaged: {said.strip()}")
        self.run("verify", folder, "--discard")
        expect(not (folder / name).exists(), f"verify --discard left the damaged {name}")
        others = {n: (folder / n).stat().st_mtime_ns for n in self.shards if n != name}
        self.must("build", self.config, "--out", folder)
        self.same(folder, "after --discard and build")
        again = [n for n, t in others.items() if (folder / n).stat().st_mtime_ns != t]
        expect(not again, f"made again without need: {again}")
        self.must("verify", folder)
        return f"byte {at} of {name} flipped: found, and that shard alone made again"

    def mode_full(self):
        shards = sum((self.reference / name).stat().st_size for name in self.shards)
        everything = sum((self.reference / name).stat().st_size for name in self.files)
        # in the middle of the shards, and in the middle of all: where the pictures are larger than the shards, in those
        return "; ".join(self.full_at(size, 4 * everything) for size in (shards // 2, everything // 2))

    def full_at(self, size, room):
        try:
            mount = self.mounted("full", max(size, 16384))
        except Skipped:
            mount, folder = None, self.fresh("full")
            limit = max((self.reference / name).stat().st_size for name in self.shards) // 2

            def small_files():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

            ran = self.run("build", self.config, "--out", folder, preexec_fn=small_files)
            how = f"files limited to {limit} bytes"
        else:
            folder = mount / "pairs"
            ran = self.run("build", self.config, "--out", folder)
            how = f"a disk of {size} bytes"
        expect(ran.returncode > 0, f"{how}: ended with {ran.returncode}: {ran.stderr.strip()}")
        expect(ran.stderr.strip() and "panicked" not in ran.stderr, f"{how}: {ran.stderr.strip() or 'no message'}")
        if folder.exists():
            expect(not partials(folder), f"{how}: left {partials(folder)}")
            self.unfinished_is_right(folder, how)
        if mount:
            subprocess.run(["mount", "-o", f"remount,size={room}", str(mount)], check=True)
        self.must("build", self.config, "--out", folder)
        self.same(folder, f"{how}, then room")
        self.unmount()
        return f"{how}: ended with {ran.returncode} ({ran.stderr.strip().splitlines()[0]}), went on with room"

    def mode_read_only(self):
        try:
            folder = self.mounted("read-only", 1 << 20)
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        except Skipped:
            if os.geteuid() == 0:
                raise
            folder = self.fresh("read-only")
            folder.mkdir()
            folder.chmod(0o555)
        ran = self.run("build", self.config, "--out", folder)
        expect(ran.returncode > 0, f"ended with {ran.returncode}: {ran.stderr.strip()}")
        expect(str(folder) in ran.stderr, f"the message does not name the folder: {ran.stderr.strip()}")
        expect(not list(folder.iterdir()), "something was written")
        return f"ended with {ran.returncode}: {ran.stderr.strip().splitlines()[0]}"

    def fresh(self, name):
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def mounted(self, name, size):
        folder = self.fresh(name)
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "skyfringe-crash", str(folder)]
        with contextlib.suppress(OSError):
            if subprocess.run(command, capture_output=True).returncode == 0:
                self.mounts.append(folder)
                return folder
        folder.rmdir()
        raise Skipped("this process may not mount a tmpfs, and root writes everywhere")

    def unmount(self):
        while self.mounts:
            subprocess.run(["umount", str(self.mounts.pop())], check=False)


MODES = ["kills", "leftovers", "parts", "together", "flip", "full", "read-only"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default=",".join(MODES), help="some of " + ",".join(MODES))
    parser.add_argument("--work", type=Path, help="an empty or new folder that is kept; else a temporary one")
    args = parser.parse_args()
    chosen = args.only.split(",")
    if wrong := [mode for mode in chosen if mode not in MODES]:
        parser.error(f"no mode {', '.join(wrong)}; there are {', '.join(MODES)}")
    failed = 0
    with contextlib.ExitStack() as stack:
        if args.work:
            args.work.mkdir(parents=True, exist_ok=True)
        work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skyfringe-crash-")))
        try:
            trials = Trials(args, work.resolve())
        except Failure as failure:
            print(f"FAILED  reference  {failure}")
            return 1
        stack.callback(trials.unmount)
        print(f"ok      reference  {len(trials.shards)} shards in {trials.seconds:.2f} s", flush=True)
        for mode in chosen:
            clock = time.monotonic()
            try:
                word, text = "ok", getattr(trials, "mode_" + mode.replace("-", "_"))()
            except Skipped as reason:
                word, text = "skipped", str(reason)
            except Failure as failure:
                word, text, failed = "FAILED", str(failure), failed + 1
            finally:
                trials.unmount()
            print(f"{word:7} {mode:10} {text} [{time.monotonic() - clock:.1f} s]", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
