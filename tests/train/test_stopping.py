"""Signals on their way: imitated processes that are named as the launcher's and the training's are."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from train.stopping import Ends, handing_on, training

TOLD = """
import signal, sys
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: print(signal.Signals(number).name, flush=True))
print("ready", flush=True)
while True:
    signal.pause()
"""


def process(module, told=TOLD):
    words = [sys.executable, "-c", told, "-m", module]
    made = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert made.stdout.readline() == "ready\n"
    return made


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def said(one):
    timer = threading.Timer(20, one.kill)
    timer.start()
    try:
        return one.stdout.readline().strip()
    finally:
        timer.cancel()


def test_the_first_signal_asks_and_a_second_ctrl_c_ends_at_once():
    launcher, one = process("deepspeed.launcher.runner"), process("train.run")
    try:
        with handing_on():
            os.kill(os.getpid(), signal.SIGINT)
            assert said(one) == "SIGTERM"
            os.kill(os.getpid(), signal.SIGINT)
            assert said(one) == "SIGINT"
    finally:
        launcher.kill()
        one.kill()
    assert launcher.stdout.read() == ""  # it would end them


def test_without_training_processes_here_the_launcher_is_told():
    other, launcher = process("another.module"), process("deepspeed.launcher.runner")
    try:
        with handing_on():
            os.kill(os.getpid(), signal.SIGTERM)
            assert said(launcher) == "SIGTERM"
            os.kill(os.getpid(), signal.SIGINT)
            assert said(launcher) == "SIGINT"
    finally:
        other.kill()
        launcher.kill()
    assert other.stdout.read() == ""


ONCE = TOLD.replace("while True:\n    signal.pause()", "signal.pause()")  # and ends
BELOW = f"import subprocess, sys\nsubprocess.call([sys.executable, '-c', {ONCE!r}])"


def test_what_the_launcher_has_started_is_told_with_it():
    launcher = process("deepspeed.launcher.runner", BELOW)
    try:
        with handing_on():
            os.kill(os.getpid(), signal.SIGTERM)
            assert said(launcher) == "SIGTERM"  # of the process below; the launcher itself dies
            assert launcher.wait(20) == -signal.SIGTERM
            os.kill(os.getpid(), signal.SIGTERM)  # nobody is left
    finally:
        launcher.kill()


def test_a_process_that_ends_meanwhile_is_passed_over(monkeypatch):
    one = process("train.run")
    monkeypatch.setattr(psutil.Process, "ppid", lambda _: (_ for _ in ()).throw(psutil.NoSuchProcess(1)))
    assert training(psutil.Process()) == []
    one.kill()


def test_a_run_notes_the_first_signal_and_ends_at_a_ctrl_c_after_it(handlers):
    ends = Ends()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert ends.asked
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
