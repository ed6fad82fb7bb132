"""Work in another thread leaves the warning filters to the user's thread."""

from __future__ import annotations

import threading
import warnings

from autolog.engine import filters


def test_a_section_changes_no_filters() -> None:
    """Code in a section begins to swap filters, then the user does, then both end, crosswise."""
    begun, swapped = threading.Event(), threading.Event()
    before = list(warnings.filters)

    def work() -> None:
        with filters.left_alone():
            warnings.simplefilter("error")
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("ignore")
                begun.set()
                swapped.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        swapped.set()
        thread.join()
        warnings.warn("mine", UserWarning, stacklevel=1)
    assert [str(one.message) for one in caught] == ["mine"]
    assert warnings.filters == before


def test_nothing_is_left_of_a_section() -> None:
    catch = warnings.catch_warnings
    before = catch.__enter__, catch.__exit__, vars(warnings)["_add_filter"]
    with filters.left_alone(), filters.left_alone():
        assert catch.__enter__ is not before[0]
    assert (catch.__enter__, catch.__exit__, vars(warnings)["_add_filter"]) == before
