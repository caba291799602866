"""Code that nobody has read does no harm, and what it returns comes back."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from filters import sandbox as sandbox_module
from filters.confinement import LIMITS, NO_NETWORK, NO_SYSTEM_CALLS, OWN_PROCESSES
from filters.sandbox import ANOTHER_EXCEPTION, Limits, Outcome, Sandbox
from filters.sandbox_server import Reply
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

TIGHT = Limits(cpu_seconds=0.2, wall_seconds=20.0, memory_mib=48, output_bytes=10_000)
FILTERED = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")

pytestmark = pytest.mark.skipif(not FILTERED, reason="needs Linux's filter of system calls")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(TIGHT) as started:
        yield started


def run(sandbox: Sandbox, body: str, *calls: list[object]) -> Outcome:
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    return sandbox.run(f"def f(*x):\n{lines}", "f", calls or [[]])


def server(sandbox: Sandbox) -> psutil.Process:
    """The process that this one has started for the sandbox."""
    assert sandbox.protections
    found = [
        each for each in psutil.Process().children() if "sandbox_server" in str(each.cmdline())
    ]
    return max(found, key=lambda each: each.create_time())


# Results


def test_results_come_back(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "return sum(x)", [1, 2], [], [0.5])
    assert outcome == Outcome("returned", [3, 0, 0.5])


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("(1, [None, True], {'a': 2.5})", [1, [None, True], {"a": 2.5}]),
        ("'\\ud800 \\u00e9'", "\ud800 \u00e9"),
        ("print('not seen') or input.__name__", "input"),
        ("__name__", "completion"),
        ("__import__('math').sqrt(4)", 2.0),
        ("'a'.encode('utf-16-le').decode('latin-1')", "a\0"),
        ("__import__('datetime').datetime.strptime('7', '%d').day", 7),
    ],
)
def test_what_can_be_returned(sandbox: Sandbox, expression: str, result: object) -> None:
    assert run(sandbox, f"return {expression}") == Outcome("returned", [result])


@pytest.mark.parametrize("expression", ["{1}", "f", "b'1'", "10**5000", "1j"])
def test_what_cannot(sandbox: Sandbox, expression: str) -> None:
    assert run(sandbox, f"return {expression}") == Outcome("no JSON")


def test_code_is_not_under_the_harness_s_own_future_imports(sandbox: Sandbox) -> None:
    source = "def f(x: int): return f.__annotations__['x'] is int"
    assert sandbox.run(source, "f", [[1]]).returned == [True]


def test_results_are_written_at_once(sandbox: Sandbox) -> None:
    source = "kept = []\ndef f(x):\n    kept.append(x)\n    return kept"
    assert sandbox.run(source, "f", [[1], [2]]).returned == [[1], [1, 2]]


def test_nothing_is_left_for_the_next_run(sandbox: Sandbox) -> None:
    assert run(sandbox, "import math\nmath.pi = 3\nreturn math.pi").returned == [3]
    assert run(sandbox, "import math\nreturn math.pi").returned == [
        pytest.approx(3.14159, abs=1e-5)
    ]


def test_runs_repeat() -> None:
    source = "import random\ndef f(): return [random.random(), list({'a', 'b', 'c', 'd', 'e'})]"
    outcomes = []
    for _ in range(2):
        with Sandbox(TIGHT) as fresh:
            outcomes += [fresh.run(source, "f", [[]]), fresh.run(source, "f", [[]])]
    assert outcomes[0].end == "returned"
    assert outcomes == outcomes[:1] * 4


@pytest.mark.parametrize(
    ("body", "exception"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nsys.exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return f()", "RecursionError"),
        ("import numpy", "ModuleNotFoundError"),
        ("class Own(Exception): pass\nraise Own", ANOTHER_EXCEPTION),
    ],
)
def test_exceptions_are_named(sandbox: Sandbox, body: str, exception: str) -> None:
    assert run(sandbox, body) == Outcome("raised", exception=exception)


def test_code_that_does_not_compile_or_lacks_the_function(sandbox: Sandbox) -> None:
    assert sandbox.run("def f(:", "f", [[]]) == Outcome("raised", exception="SyntaxError")
    assert sandbox.run("f = 1", "f", [[]]) == Outcome("no such function")
    assert sandbox.run("def g(): pass", "f", [[]]) == Outcome("no such function")


@pytest.mark.parametrize("argument", [{1, 2}, 10**5000], ids=["set", "long"])
def test_arguments_that_json_cannot_hold(sandbox: Sandbox, argument: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        run(sandbox, "return 1", [argument])
    assert run(sandbox, "return 1").returned == [1]


# Limits


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "return len(str(10 ** 10**8))",
        "return sum(10**9 * [1])",
        "x = []\nwhile True: x.append('x' * 100_000)",
        "import sys\nsys.setrecursionlimit(10**9)\nreturn f()",
        "try:\n    while True: pass\nfinally:\n    return 1",
    ],
)
def test_time_and_memory_are_bounded(sandbox: Sandbox, body: str) -> None:
    assert run(sandbox, body).end in ("too slow", "too much memory")
    assert run(sandbox, "return 1").returned == [1]


def test_which_bound_it_was(sandbox: Sandbox) -> None:
    assert run(sandbox, "while True: pass") == Outcome("too slow")
    assert run(sandbox, "return len([0] * 10**7)") == Outcome("too much memory")  # 80 MB
    assert run(sandbox, "return len([0] * 10**6)") == Outcome("returned", [10**6])
    assert run(sandbox, "return 'x' * 10**5") == Outcome("too much output")


def test_time_asleep_is_bounded_by_the_clock() -> None:
    with Sandbox(Limits(cpu_seconds=5, wall_seconds=0.2)) as quick:
        lock = "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()"
        assert run(quick, lock) == Outcome("too slow")


def test_time_that_computes_is_not_bounded_by_the_clock() -> None:
    """As of a run that a busy machine gives a small share of its processors."""
    compute = "import time\nwhile time.process_time() < 0.6: pass\nreturn 1"
    with Sandbox(Limits(cpu_seconds=60, wall_seconds=0.5)) as crowded:
        assert run(crowded, compute).returned == [1]


def test_time_that_computes_is_bounded_by_the_processor_s() -> None:
    with Sandbox(Limits(cpu_seconds=0.1, wall_seconds=600)) as patient:
        assert run(patient, "while True: pass") == Outcome("too slow")


@pytest.mark.parametrize(
    "body",
    [
        "import os\nos._exit(0)",
        "import os\nos.abort()",
        "import os\nos.close(3)",
        "import os\nos.close(3)\nwhile True: pass",
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "class A:\n    def __repr__(self): return repr(self)\nrepr(A())",
    ],
)
def test_crashes(sandbox: Sandbox, body: str) -> None:
    assert run(sandbox, body) == Outcome("crashed")
    assert run(sandbox, "return 1").returned == [1]


@pytest.mark.parametrize("stream", ["1", "2", "3"])
def test_floods_are_stopped(sandbox: Sandbox, stream: str) -> None:
    flood = run(sandbox, f"import os\nwhile True: os.write({stream}, b'x' * 65536)")
    assert flood.end in ("too slow", "too much output")


# What is refused


@pytest.mark.parametrize(
    "body",
    [
        "open('written', 'w')",
        "open('/etc/passwd')",
        "import os\nos.open('.', os.O_RDONLY)",
        "import os\nos.listdir('/')",
        "import os\nos.mkdir('made')",
        "import os\nos.remove('/nothing')",
        "import os\nos.fork()",
        "import os\nfor _ in range(3): os.fork()",
        "import os\nos.execv('/bin/true', ['true'])",
        "import os\nos.system('true')",
        "import os\nos.kill(os.getppid(), 9)",
        "import os\nos.kill(-1, 9)",
        "import os\nos.setsid()",
        "import os\nos.pipe()",
        "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)",
        "import time\ntime.sleep(60)",
        "import sys\n__import__('socket').socket()",
        "import ctypes\nctypes.CDLL(None)",
        "input()",
    ],
)
def test_what_is_refused(sandbox: Sandbox, body: str) -> None:
    assert run(sandbox, body) == Outcome("raised", exception="PermissionError")


@pytest.mark.parametrize(
    "body",
    [
        "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0)",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "import threading\nthreading.Thread(target=print).start()",
        "import subprocess\nsubprocess.run(['true'])",
    ],
)
def test_what_else_is_refused(sandbox: Sandbox, body: str) -> None:
    assert run(sandbox, body).end == "raised"


def test_the_environment_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "abc")
    with Sandbox(TIGHT) as fresh:
        (names,) = run(fresh, "import os\nreturn list(os.environ)").returned
    assert set(names) <= {"PYTHONHASHSEED", "LC_CTYPE"}  # type: ignore[call-overload]


def test_results_made_up_are_just_results(sandbox: Sandbox) -> None:
    # The harness knows the arguments only; whoever compares has what is expected.
    forged = "import os\nos.write(3, b'{\"returned\": [7]}')\nos._exit(0)"
    assert run(sandbox, forged) == Outcome("returned", [7])
    short = "import os\nos.write(3, b'{\"returned\": []}')\nos._exit(0)"
    assert run(sandbox, short) == Outcome("crashed")


@pytest.mark.parametrize(
    "output",
    ["", "[]", "{", "{}", "7", "[" * 9000, '{"returned": 3}', '{"returned": {"0": 1}}', "\\xff"],
)
def test_reports_that_are_none_are_crashes(sandbox: Sandbox, output: str) -> None:
    body = f"import os\nos.write(3, b'{output}')\nos._exit(0)"
    assert run(sandbox, body) == Outcome("crashed")


def test_exceptions_made_up_get_no_name(sandbox: Sandbox) -> None:
    for raised in ("'owl'", "[1]", "null", "'print'"):
        raised = raised.replace("'", '"')
        body = f"import os\nos.write(3, b'{{\"raised\": {raised}}}')\nos._exit(0)"
        assert run(sandbox, body) == Outcome("raised", exception=ANOTHER_EXCEPTION)


def test_the_harness_may_be_broken_but_not_the_next_run(sandbox: Sandbox) -> None:
    broken = "import os, json\nos._exit = os.write = json.dumps = None\nreturn 1"
    assert run(sandbox, broken).end in ("raised", "crashed")
    assert run(sandbox, "return 1").returned == [1]


# The start and the end


def test_protections_are_told(sandbox: Sandbox) -> None:
    assert {NO_SYSTEM_CALLS, LIMITS} <= set(sandbox.protections)


def test_nothing_starts_before_the_first_run() -> None:
    before = set(psutil.Process().children())
    with Sandbox():
        assert set(psutil.Process().children()) == before


def test_no_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Sandbox(TIGHT) as sandbox:
        assert os.readlink(f"/proc/{server(sandbox).pid}/cwd").startswith(str(tmp_path))
        assert list(tmp_path.iterdir()) == []


def test_closing_ends_all_and_it_may_start_again() -> None:
    sandbox = Sandbox(TIGHT)
    first = server(sandbox)
    processes = [first, *first.children(recursive=True)]
    sandbox.close()
    assert not any(each.is_running() for each in processes)
    assert run(sandbox, "return 1").returned == [1]
    second = server(sandbox)
    del sandbox
    assert not second.is_running()


def test_a_server_that_was_killed_is_replaced() -> None:
    with Sandbox(TIGHT) as sandbox:
        os.killpg(server(sandbox).pid, signal.SIGKILL)
        assert run(sandbox, "return 1") == Outcome("returned", [1])


def test_a_run_whose_server_dies_again_has_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sandbox_module._Server.ask
    deaths = 0

    def die(self: sandbox_module._Server, request: bytes, seconds: float) -> Reply:
        nonlocal deaths
        if deaths < 2:
            deaths += 1
            raise EOFError
        return asked(self, request, seconds)

    monkeypatch.setattr(sandbox_module._Server, "ask", die)
    with Sandbox(TIGHT) as sandbox:
        assert run(sandbox, "return 1") == Outcome("crashed")
        assert run(sandbox, "return 1") == Outcome("returned", [1])


def test_a_server_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, patience = sandbox_module._Server.ask, iter([0.1])

    def ask(self: sandbox_module._Server, request: bytes, seconds: float) -> Reply:
        return asked(self, request, next(patience, seconds))

    monkeypatch.setattr(sandbox_module._Server, "ask", ask)
    monkeypatch.setattr(sandbox_module, "_STOP_SECONDS", 0.1)
    with Sandbox(TIGHT) as sandbox:
        stopped = server(sandbox)
        processes = [stopped, *stopped.children(recursive=True)]
        for each in processes:
            each.suspend()
        assert run(sandbox, "return 1") == Outcome("returned", [1])
        assert psutil.wait_procs(processes, timeout=20)[1] == []


def test_an_interrupted_run_leaves_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    with Sandbox(TIGHT) as sandbox:
        first = server(sandbox)
        with monkeypatch.context() as patched:
            patched.setattr("multiprocessing.connection.Connection.poll", interrupt)
            with pytest.raises(KeyboardInterrupt):
                run(sandbox, "return 'old'")
        assert not first.is_running()
        assert run(sandbox, "return 'new'").returned == ["new"]


def test_it_ends_with_the_process_that_started_it() -> None:
    script = """
import os, signal
import psutil
from filters.sandbox import Sandbox
sandbox = Sandbox()
assert sandbox.protections
print(*(each.pid for each in psutil.Process().children(recursive=True)), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    started = [int(pid) for pid in finished.stdout.split()]
    assert started
    until = time.monotonic() + 20
    while any(map(psutil.pid_exists, started)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(psutil.pid_exists, started))


def test_only_weak_sandboxes_go_without_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    greeted = sandbox_module._Server._greeting

    def fewer(self: sandbox_module._Server) -> tuple[str, ...]:
        return tuple(each for each in greeted(self) if each != NO_SYSTEM_CALLS)

    monkeypatch.setattr(sandbox_module._Server, "_greeting", fewer)
    before = set(psutil.Process().children())
    with pytest.raises(UserError) as error:
        Sandbox().run("", "f", [])
    assert_one_line(error, "sandbox: ", "weak")
    assert set(psutil.Process().children()) == before
    with Sandbox(TIGHT, weak=True) as weak:
        assert run(weak, "return 1").returned == [1]


def test_an_interpreter_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError) as error:
        Sandbox().run("", "f", [])
    assert_one_line(error, "/bin/false", "did not start")


# Each belt holds without the others


def alone(belt: str, tried: str) -> subprocess.CompletedProcess[str]:
    """Put one belt on a fresh process, then try something."""
    with bare_python(f"{belt}\n{tried}") as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess([], process.returncode, out, err)


def bare_python(script: str) -> subprocess.Popen[str]:
    """Run a script without the package's own __init__, which takes a second and starts threads."""
    start = """
import os, signal, socket, sys, types
sys.modules["filters"] = types.ModuleType("filters")
sys.modules["filters"].__path__ = ["filters"]
from filters import confinement
"""
    return subprocess.Popen(
        [sys.executable, "-S", "-c", start + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )


@pytest.mark.parametrize(
    "tried", ["open('/etc/passwd')", "os.fork()", "socket.socket()", "os.kill(os.getppid(), 0)"]
)
@pytest.mark.parametrize(
    ("belt", "allowed"),
    [
        ("confinement.SystemCallFilter().put_on()", "print(sum([1, 2]), flush=True)"),
        ("confinement.audit()", "exec('print(sum([1, 2]), flush=True)')"),
    ],
)
def test_filter_and_audit_hook(belt: str, allowed: str, tried: str) -> None:
    found = alone(belt, f"{allowed}\ntry: {tried}\nexcept PermissionError: os._exit(7)")
    assert (found.returncode, found.stdout) == (7, "3\n")


@pytest.mark.parametrize(
    ("tried", "code"),
    [
        ("while True: pass", -signal.SIGPROF),
        ("signal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass", -signal.SIGKILL),
        ("try: x = [0] * 10**9\nexcept MemoryError: os._exit(7)", 7),
        ("try: open('/etc/passwd')\nexcept OSError: os._exit(7)", 7),
        ("try: os.write(1, b'x')\nexcept OSError: os._exit(7)", 7),
    ],
)
def test_limits(tmp_path: Path, tried: str, code: int) -> None:
    # Standard output is a file, so that writing meets the limit on sizes of files.
    start = f"os.dup2(os.open({str(tmp_path / 'out')!r}, os.O_WRONLY | os.O_CREAT), 1)\n"
    belt = start + "confinement.limit(0.05, confinement.address_space() + (64 << 20), 3)"
    assert alone(belt, tried).returncode == code
    assert (tmp_path / "out").read_bytes() == b""


def test_namespaces() -> None:
    found = alone(
        "gained = confinement.leave_network_and_processes()",
        "print(len(gained), os.getpid(), len(socket.if_nameindex()))",
    )
    if NO_NETWORK in Sandbox().protections:
        assert found.stdout.split() == ["2", "1", "1"]  # first process; the loopback alone
    else:
        assert found.stdout.startswith("0 ")


def test_a_process_dies_with_its_parent() -> None:
    # The child waits for ever; its parent ends once the child has said that it is bound.
    script = """
told, telling = os.pipe()
if not os.fork():
    confinement.die_with_parent()
    os.write(telling, b".")
    signal.pause()
os.read(told, 1)
"""
    # Had the child gone on, the pipe of its output would stay open.
    assert alone("pass", script).returncode == 0


# A run whose child has left its group, on a server without the filter and the hook.
STRAYS = """
from filters import sandbox_server
confinement.audit = lambda: None
server = sandbox_server.Server(owns_processes=gained)
server._filter = None
source = '''
import os, signal
def f():
    if os.fork() == 0:
        {leave}
        os.close(3)
        signal.pause()
    return os.getpid()
'''
request = dict(source=source, function="f", calls=[[]], cpu_seconds=1, wall_seconds=9,
               memory_mib=64, output_bytes=99)
reply = server.run(request)
(pid,) = sandbox_server.json.loads(reply["output"])["returned"]
"""


def test_a_run_is_killed_as_a_group() -> None:
    # The system may take a moment to take leave of what was killed.
    gone = """
for _ in range(2000):
    try: os.killpg(pid, 0)
    except ProcessLookupError: os._exit(7)
    sandbox_server.time.sleep(0.01)
"""
    found = alone("gained = False", STRAYS.replace("{leave}", "") + gone)
    assert (found.returncode, found.stderr) == (7, "")


def test_the_first_process_of_a_namespace_kills_all_others() -> None:
    if OWN_PROCESSES not in Sandbox().protections:
        pytest.skip("this system gives no namespaces")
    gone = """
try: os.kill(-1, 0)
except ProcessLookupError: print("alone", flush=True)
"""
    belt = "gained = bool(confinement.leave_network_and_processes())"
    found = alone(belt, STRAYS.replace("{leave}", "os.setsid()") + gone)
    assert (found.stdout, found.stderr) == ("alone\n", "")


def test_a_run_ends_with_its_server() -> None:
    script = """
from filters import sandbox_server
confinement.audit = lambda: None
source = "def f():\\n    import os\\n    os.write(1, b'started')\\n    while True: pass"
request = dict(source=source, function="f", calls=[[]], cpu_seconds=600, wall_seconds=600,
               memory_mib=64, output_bytes=99)
sandbox_server.Server(owns_processes=False).run(request)
"""
    with bare_python(script) as process:
        assert process.stdout is not None
        assert process.stdout.read(len("started")) == "started"
        process.kill()
        # The run holds the other end of this pipe for as long as it lives.
        assert process.communicate(timeout=60) == ("", "")
