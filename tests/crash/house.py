"""One house under test: its ledger, its workers, and what stands everywhere in the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from tests.crash.vendors import REPOSITORY, MailServer, Sandbox, wait_for

WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["tests.crash.warm"])
PASS_S = 120.0


class Worker(Protocol):
    """A worker process."""

    @property
    def is_over(self) -> bool: ...

    def kill(self) -> None:
        """SIGKILL to the whole process group, and wait until it is gone."""

    def wait(self) -> int: ...


def _work(arguments: list[str], environment: dict[str, str], out: str) -> None:
    """Become a worker: what a shell does for `truckroll ...`, in a process that has imported everything."""
    os.setsid()
    os.environ.update(environment)
    written = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(written, 1)
    err = os.open(f"{out}.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(err, 2)
    sys.argv = ["truckroll", *arguments]
    from deployments.cli import main

    main()


@dataclass
class ForkedWorker:
    """Forked from the server that imported everything."""

    process: BaseProcess

    @property
    def is_over(self) -> bool:
        return not self.process.is_alive()

    def kill(self) -> None:
        assert self.process.pid is not None
        _kill_group(self.process.pid)
        self.process.join(20)
        assert self.is_over

    def wait(self) -> int:
        self.process.join(PASS_S)
        assert self.process.exitcode is not None, "the worker hangs"
        return self.process.exitcode


@dataclass
class CommandWorker:
    """The plain command."""

    process: subprocess.Popen[bytes]

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        _kill_group(self.process.pid)
        self.process.wait(20)

    def wait(self) -> int:
        return self.process.wait(PASS_S)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        # It has ended, or has not yet made its group: then it is alone.
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


@dataclass
class Run:
    """A worker that was started, and where its words go."""

    worker: Worker
    out: Path

    def report(self) -> dict[str, Any]:
        """Wait for the end, and return the object it printed last."""
        code = self.worker.wait()
        said = self.out.read_text() if self.out.exists() else ""
        error = Path(f"{self.out}.err")
        told = error.read_text()[-3000:] if error.exists() else ""
        assert code == 0, f"exit code {code}: {said[-2000:]} {told}"
        report: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return report


@dataclass
class CrashHouse:
    """A fresh home beside a fresh sandbox."""

    root: Path
    sandbox: Sandbox
    mail: MailServer
    environment: dict[str, str]
    shop: str = "demo"
    plain: bool = False
    """Start the command itself instead of forking a worker."""
    runs: list[Run] = field(default_factory=list)

    # -- the people

    def diagnose(self, job: str = "48213", part_number: str = "WPW10348269", quantity: int = 1) -> None:
        self.sandbox.diagnose(job, part_number, quantity)

    def approve_all(self) -> int:
        """Answer every open question as the technician on the job would."""
        questions = self.rows("select id, approvers from approvals where status = 'requested'")
        for question in questions:
            by = json.loads(question["approvers"])[0]
            self.command("approvals", "approve", question["id"], "--by", by, "--json")
        return len(questions)

    # -- the processes

    def start(self, *arguments: str) -> Run:
        out = self.root / f"worker-{len(self.runs)}.out"
        worker: Worker
        if self.plain:
            command = [sys.executable, "-m", "deployments.cli", *arguments]
            with out.open("wb") as said, Path(f"{out}.err").open("wb") as errors:
                worker = CommandWorker(
                    subprocess.Popen(
                        command,
                        cwd=REPOSITORY,
                        env={**os.environ, **self.environment},
                        stdout=said,
                        stderr=errors,
                        start_new_session=True,
                    )
                )
        else:
            process = WORKERS.Process(target=_work, args=(list(arguments), self.environment, str(out)), daemon=True)
            process.start()
            worker = ForkedWorker(process)
        run = Run(worker, out)
        self.runs.append(run)
        return run

    def command(self, *arguments: str) -> dict[str, Any]:
        return self.start(*arguments).report()

    def start_pass(self, process: str) -> Run:
        return self.start("run", process, "--shop", self.shop, "--json")

    def run(self, process: str) -> dict[str, Any]:
        """Run a pass to its end; nothing in it may fail."""
        report = self.start_pass(process).report()
        assert report["failed"] == 0, report
        return report

    def kill_when_it_hangs(self, process: str) -> None:
        """Start a pass, kill it the moment the vendor says that its write hangs, and clear the fault."""
        run = self.start_pass(process)

        def hangs() -> bool:
            if self.sandbox.is_stalling() or self.mail.stalling:
                return True
            assert not run.worker.is_over, f"the pass ended without that write: {run.out.read_text()[-2000:]}"
            return False

        wait_for("the write to hang", hangs)
        run.worker.kill()
        wait_for("the vendor to notice", lambda: not self.sandbox.is_stalling() and not self.mail.stalling, 20)
        self.sandbox.clear_faults()

    def stop(self) -> None:
        for run in self.runs:
            if not run.worker.is_over:
                run.worker.kill()

    # -- the end

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Read the ledger behind the app's back."""
        with closing(sqlite3.connect(self.root / "truckroll.db", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    def write(self, statement: str) -> None:
        """Change the ledger behind the app's back."""
        with closing(sqlite3.connect(self.root / "truckroll.db", timeout=20)) as database:
            database.execute(statement)
            database.commit()

    def has_ledger(self) -> bool:
        """Tell whether a worker lived long enough to make the tables."""
        if not (self.root / "truckroll.db").exists():
            return False
        return bool(self.rows("select name from sqlite_master where name = 'approvals'"))

    def stages(self) -> dict[str, str]:
        return {row["id"]: row["stage"] for row in self.rows("select id, stage from part_requests order by id")}

    def held(self) -> list[dict[str, Any]]:
        return self.rows("select * from held where released_at is null order by id")

    def held_for(self, process: str) -> list[dict[str, Any]]:
        return [row for row in self.held() if row["process"] == process]

    def markers(self, job: str = "48213") -> list[str]:
        """Return the last line of every note on the job: it names the event."""
        return [note["text"].strip().splitlines()[-1] for note in self.sandbox.job(job)["notes"]]

    def events(self, job: str = "48213") -> list[str]:
        """Return the notes' events, without the board revision, which counts attempts too."""
        return [re.sub(r" b\d+\]$", "]", marker) for marker in self.markers(job)]

    def holds(self, job: str = "48213") -> int:
        """Count how often the job was really put on hold."""
        job_id = self.sandbox.job(job)["id"]
        return sum(
            entry["method"] == "PUT" and entry["path"].endswith(f"/jobs/{job_id}/hold") and entry["did_work"]
            for entry in self.sandbox.requests()
        )

    def orders(self) -> list[dict[str, Any]]:
        return [
            {
                "po_number": order["po_number"],
                "warehouse": order["warehouse"],
                "ship_to": order["ship_to"],
                "lines": [(line["part_number"], line["quantity"]) for line in order["lines"]],
            }
            for order in self.sandbox.orders()
        ]

    def end(self, job: str = "48213") -> dict[str, Any]:
        """Return everything that must be the same whatever happened on the way."""
        found = self.sandbox.job(job)
        return {
            "orders": self.orders(),
            "approvals": self.rows("select id, status, po_number, decided_by from approvals order by id"),
            "followed orders": self.rows("select order_number, po_number, state, is_open from part_orders order by id"),
            "times put on hold": self.holds(job),
            "job": (found["jobStatus"], found["hold_reason"], found["hold_memo"]),
            "visits": [(visit["status"], visit["specialInstructions"]) for visit in found["appointments"]],
            "fields": {one["name"]: one["value"] for one in found["customFields"]},
            "notes": self.events(job),
            "mails": [(mail.to, mail.subject) for mail in self.mail.mails],
            "requests": self.stages(),
            "held": [(row["process"], row["record"]) for row in self.held()],
            "to tell": [row["key"] for row in self.rows("select key from outbox where told_at is null")],
        }
