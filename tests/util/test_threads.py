"""Calls on threads: order, errors, interrupts."""

import contextvars
import signal
import threading

import pytest

from pmcmc._util.threads import in_threads, n_cores


def test_results_are_in_order_and_calls_overlap():
    both = threading.Barrier(2, timeout=60)

    def call(i):
        if i < 2:
            both.wait()  # only passed by two at once
        return i

    assert in_threads([lambda i=i: call(i) for i in range(7)], 2) == [*range(7)]


def test_at_most_so_many_run_at_once():
    running, most, lock = set(), [], threading.Lock()

    def call(i):
        with lock:
            running.add(i)
            most.append(len(running))
        threading.Event().wait(0.001)
        with lock:
            running.remove(i)

    in_threads([lambda i=i: call(i) for i in range(20)], 3)
    assert max(most) <= 3
    assert n_cores() >= 1


def test_the_first_call_that_fails_is_the_one_that_is_told():
    second_has_failed = threading.Event()

    def first():
        second_has_failed.wait(60)
        raise ValueError("first")

    def second():
        second_has_failed.set()
        raise KeyError("second")

    with pytest.raises(ValueError, match="first"):
        in_threads([first, second], 2)
    with pytest.raises(KeyError, match="second"):
        in_threads([lambda: 0, second, lambda: 2], 2)


def test_an_interrupt_gets_through_and_no_call_begins_after_it():
    # In a job that a shell started in the background, Python ignores interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    may_end, begun = threading.Event(), []

    def interrupt():
        begun.append(0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        may_end.wait(60)

    calls = [interrupt, *(lambda i=i: begun.append(i) for i in range(1, 5))]
    try:
        with pytest.raises(KeyboardInterrupt):
            in_threads(calls, 1)
        assert not may_end.is_set()
        assert begun == [0]
    finally:
        may_end.set()
        signal.signal(signal.SIGINT, before)


def test_calls_see_the_context_of_the_caller():
    variable = contextvars.ContextVar("variable", default=0)
    token = variable.set(3)
    assert in_threads([variable.get, variable.get], 2) == [3, 3]
    variable.reset(token)
