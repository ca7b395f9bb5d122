"""A Slurm of one node on this machine, with daemons, sockets, ports and files of its own: it meets no other Slurm."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "sacct")
PATIENCE_S = 60.0  # for what takes a second on a machine at rest

# One node in two partitions, one of which has a GPU: a file that is always there stands for its device. The node is said to
# have more processors than it may have, for jobs that only wait. Users' own limits come quickly: a dead node is noticed
# within seconds, a killed job gets two.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MpiDefault=none
ReturnToService=2
SlurmdTimeout=5
KillWait=2
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Job:
    """A job of the queue; `task` names the rule and its wildcards, `gpus` is what it holds (`gres:gpu:1`, or nothing)."""

    number: str
    state: str
    task: str
    partition: str
    gpus: str
    minutes: int


@dataclass
class Cluster:
    """The running daemons. `tools` is a folder for PATH whose sbatch, squeue and so on talk to this Slurm."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def tools(self) -> Path:
        return self.folder / "bin"

    def ask(self, *command: str) -> str:
        """What a command of Slurm says; CalledProcessError where it fails."""
        client = [str(self.tools / command[0]), *command[1:]]
        return subprocess.run(client, capture_output=True, text=True, check=True).stdout

    def jobs(self) -> list[Job]:
        """All jobs of this Slurm, ended ones too."""
        rows = self.ask("squeue", "--states=all", "--noheader", "--format=%i|%T|%k|%P|%l").splitlines()
        parts = [row.split("|") for row in rows]
        return [Job(i, state, task, place, self._gpus(i), _minutes(limit)) for i, state, task, place, limit in parts]

    def _gpus(self, number: str) -> str:
        shown = self.ask("scontrol", "show", "job", number).split()
        return next((word.partition("=")[2] for word in shown if word.startswith("TresPerJob=")), "")

    def find(self, task: str, state: str, *, count: int = 1) -> Job:
        """The last job of a task in a state, waited for until there have been `count` of them."""

        def found() -> list[Job]:
            jobs = [job for job in self.jobs() if task in job.task and job.state == state]
            return jobs if len(jobs) >= count else []

        return max(wait_for(found, f"{task} to be {state}", patience_s=240), key=lambda job: int(job.number))

    def start(self, daemon: str, *arguments: str) -> None:
        with (self.folder / f"{daemon}.log").open("ab") as log:
            environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
            self.processes[daemon] = subprocess.Popen([daemon, *arguments], stdout=log, stderr=log, env=environment)

    def start_node(self) -> None:
        """Start slurmd and wait for the controller to see it."""
        self.start("slurmd", "-D")
        wait_for(lambda: self.node() in ("idle", "mixed", "allocated"), f"the node to come up, see {self.folder}")

    def node(self) -> str:
        """The node's state as the controller sees it, without the mark of one that does not answer: idle, down, ..."""
        return self.ask("sinfo", "--noheader", "--partition=cpu", "--format=%T").strip().rstrip("*")

    def kill(self, daemon: str) -> None:
        self.processes[daemon].kill()
        self.processes[daemon].wait()

    def stop(self) -> None:
        """End the jobs, then the daemons, last come first gone."""
        with contextlib.suppress(subprocess.CalledProcessError, TimeoutError):
            self.ask("scancel", "--user=root")
            wait_for(lambda: not self.ask("squeue", "--noheader"), "the jobs to end", patience_s=20)
        for process in reversed(self.processes.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _minutes(limit: str) -> int:
    """Slurm's [[days-]hours:]minutes:seconds in minutes."""
    days, _, clock = limit.rpartition("-")
    hours, minutes, _ = ["0", *clock.split(":")][-3:]
    return 1440 * int(days or 0) + 60 * int(hours) + int(minutes)


def wait_for(condition: Callable[[], T], what: str, *, patience_s: float = PATIENCE_S) -> T:
    """What `condition` returns once that is true; TimeoutError names what was waited for."""
    deadline = time.monotonic() + patience_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s for {what}")
        time.sleep(0.2)
    return found


def missing() -> str:
    """Why no Slurm can be had here, or an empty string."""
    if os.environ.get("SLURM_CONF") or any(
        Path(f"/etc/{name}/slurm.conf").exists() for name in ("slurm", "slurm-llnl")
    ):
        return "this machine belongs to a Slurm already, which is left alone"
    absent = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name) is None]
    if absent:
        return f"no {absent[0]} here: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "Slurm's daemons need root"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A Slurm in `folder`, stopped at the end."""
    cluster = Cluster(folder)
    for name in ("bin", "state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().partition(".")[0]
    ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
    (folder / "slurm.conf").write_text(CONFIGURATION.format(host=host, folder=folder, **ports))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    for name in CLIENTS:  # the variable alone would not do: Snakemake's plugin takes SLURM_* away inside of a job
        script = f'#!/bin/sh\nSLURM_CONF={shlex.quote(str(folder / "slurm.conf"))} exec {shutil.which(name)} "$@"\n'
        (cluster.tools / name).write_text(script)
        (cluster.tools / name).chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "munge.seed"}
    try:
        cluster.start(
            "munged", "--foreground", "--force", *(f"--{name}={folder / file}" for name, file in files.items())
        )
        wait_for((folder / "munge.socket").exists, f"munged, see {folder}")
        cluster.start("slurmctld", "-D", "-c")
        wait_for(
            lambda: (
                "UP"
                in subprocess.run(
                    [cluster.tools / "scontrol", "ping"], capture_output=True, text=True, check=False
                ).stdout
            ),
            f"slurmctld, see {folder}",
        )
        cluster.start_node()
        yield cluster
    finally:
        cluster.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
