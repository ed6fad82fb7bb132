"""Our work leaves the warning filters to the user, and is not heard itself."""

from __future__ import annotations

import pickle
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from core_client import warning_filters


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def say(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=2)


def test_what_runs_beside_the_user_changes_no_filters() -> None:
    """Code in a section begins to swap filters, then the user does, then both end, crosswise."""
    begun, swapped = threading.Event(), threading.Event()
    before = list(warnings.filters)

    def work() -> None:
        with warning_filters.unchanged():
            warnings.simplefilter("error")
            with warnings.catch_warnings(record=True) as nothing:
                warnings.simplefilter("ignore")
                begun.set()
                swapped.wait(10)
                assert nothing == []

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        swapped.set()
        thread.join()
        say("mine")
    assert [str(one.message) for one in caught] == ["mine"]
    assert warnings.filters == before


def test_nothing_is_left_of_such_work() -> None:
    catch = warnings.catch_warnings
    before = catch.__enter__, catch.__exit__, vars(warnings)["_add_filter"]
    for _ in range(2):
        with warning_filters.unchanged(), warning_filters.unchanged():
            assert catch.__enter__ is not before[0]
        assert (catch.__enter__, catch.__exit__, vars(warnings)["_add_filter"]) == before


def test_where_filters_can_only_be_swapped_whole_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose `warnings` is made otherwise: nothing is left over, nothing fails."""
    monkeypatch.delattr(warnings, "_add_filter")
    catch = warnings.catch_warnings
    before = catch.__enter__, catch.__exit__
    with warning_filters.unchanged():
        assert (catch.__enter__, catch.__exit__) == before
    assert (catch.__enter__, catch.__exit__) == before


def test_filters_that_each_context_has_for_itself_are_only_swapped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `-X context_aware_warnings` of Python 3.14 has them."""
    monkeypatch.setattr(warning_filters, "APART", True)
    catch = warnings.catch_warnings
    before = catch.__enter__, list(warnings.filters)
    with catch(record=True) as caught, warning_filters.unchanged(), warning_filters.muted():
        assert catch.__enter__ is before[0]
        say("ours")
    assert (catch.__enter__, caught, warnings.filters) == (before[0], [], before[1])


def test_our_warnings_are_muted_and_those_of_other_threads_are_heard() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with warning_filters.muted():
            say("ours")
            with warning_filters.muted():
                say("ours, too")
            say("still ours")
            in_thread(lambda: say("the user's"))
            with warnings.catch_warnings(record=True) as by_the_user:
                warnings.simplefilter("always")
                say("what the user's code wants to catch")
        say("the user's again")
        assert warnings.filters == before
    assert [str(one.message) for one in caught] == ["the user's", "the user's again"]
    assert len(by_the_user) == 1


def test_a_muted_thread_does_not_mute_another_one_for_good() -> None:
    """Both swap or change the list, crosswise."""
    inside, swapped = threading.Event(), threading.Event()

    def work() -> None:
        with warning_filters.muted():
            inside.set()
            swapped.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        swapped.set()
        thread.join()
        say("mine")
    say_again = threading.Thread(target=say, args=("in another thread",))
    with warnings.catch_warnings(record=True) as later:
        warnings.simplefilter("always")
        say_again.start()
        say_again.join()
    assert [str(one.message) for one in caught + later] == ["mine", "in another thread"]


def test_worker_processes_get_a_filter_that_mutes_as_much() -> None:
    """scikit-learn hands the filters on by pickle."""
    with warning_filters.muted():
        (_, muting, *_), *_ = warnings.filters
        assert pickle.loads(pickle.dumps(muting)).match("any text")
    assert not pickle.loads(pickle.dumps(muting)).match("any text")


def test_what_is_not_installed_is_not_imported_first(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_place / "swaps_at_import.py").write_text("import warnings\n")
    monkeypatch.syspath_prepend(own_place)
    warning_filters.import_first("swaps_at_import", "not_installed_anywhere")
    assert "swaps_at_import" in sys.modules
