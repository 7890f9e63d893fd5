from datetime import timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from medrec_desktop.domain.errors import Conflict, Denied, Invalid
from medrec_desktop.domain.link import Download, FailedChange, Link, Waiting
from medrec_desktop.domain.reviewing import Combined, Decision
from medrec_desktop.ui.review.page import ReviewPage
from medrec_desktop.ui.sync.page import JoinCodeDialog, SyncDialog
from tests.factories import NOON
from tests.ui.review.desk import PLAN, a_review
from tests.ui.sync.conftest import Window

OFFLINE = Link("offline", since=NOON, because="The clinic's server does not answer just now.")


def _local(minutes: int = 0) -> str:
    return f"{(NOON + timedelta(minutes=minutes)).astimezone():%H:%M}"


def test_the_status_bar_says_connected_only_when_it_is(window: Window) -> None:
    assert window.menu.sign.words == "Connecting to the clinic server…"
    window.say(Link("connected", since=NOON, last_full=NOON))
    assert window.menu.sign.words == "Clinic server connected"


def test_offline_says_since_when_and_that_everything_is_saved_here(window: Window) -> None:
    window.say(OFFLINE)
    assert window.menu.sign.words == f"Working offline since {_local()}"
    assert window.main.status.words == "Everything is saved on this computer"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("refused", "Signed out by the server"),
        ("update", "Update needed to send"),
        ("full", "Others’ changes wait for room"),
        ("stopped", "Sending has stopped"),
    ],
)
def test_other_states_have_a_word_of_their_own(window: Window, state: str, words: str) -> None:
    window.say(Link(state, since=NOON, because="Why."))  # type: ignore[arg-type] # one of them
    assert window.menu.sign.words == words


def test_what_waits_is_counted_and_goes_when_it_is_sent(window: Window) -> None:
    window.server.waiting_now = Waiting(visits=2, patients=1, other=3)
    window.say(OFFLINE)
    assert window.menu.totals.words == "6 changes waiting"
    window.server.waiting_now = Waiting()
    window.say(Link("connected", since=NOON))
    assert window.menu.totals.isHidden()


def test_the_card_says_what_waits_and_when_the_next_try_is(window: Window) -> None:
    window.server.waiting_now = Waiting(visits=2, patients=1)
    next_try = NOON + timedelta(seconds=40)
    window.say(Link("offline", since=NOON, last_full=NOON, next_try=next_try))
    window.menu.show_popover()
    card = window.menu.popover
    assert card is not None
    assert card.words.splitlines() == [
        f"Working offline since {_local()}",
        "Keep working. Everything is saved on this computer.",
        "3 changes waiting to send",
        "2 visits, 1 patient",
    ]
    assert card._times.text() == f"Last full sync {_local()}  ·  next try in 40 s"
    card.try_now.click()
    assert ("try",) in window.server.asked
    QTest.keyClick(card, Qt.Key.Key_Escape)
    assert window.menu.popover is None


def test_reviews_are_counted_and_opened_from_the_card(window: Window) -> None:
    window.server.reviews_now = (a_review(),)
    with window.qtbot.waitSignal(window.desk.reviews_changed):
        window.desk.read_reviews()
    assert window.menu.totals.words == "1 to review"
    window.menu.show_popover()
    assert window.menu.popover is not None
    assert "OKAFOR, Amara" in window.menu.popover.words
    window.menu.popover.review_requested.emit()
    page = window.main.workplace.stack.currentWidget()
    assert isinstance(page, ReviewPage)
    assert page.shown == window.server.reviews_now[0]


def test_a_decision_reaches_the_service_and_the_next_one_is_shown(window: Window) -> None:
    first, second = a_review(PLAN), a_review(PLAN)
    window.server.reviews_now = (first, second)
    with window.qtbot.waitSignal(window.desk.reviews_changed):
        window.desk.read_reviews()
    window.main.show_review()
    page = window.main.workplace.stack.currentWidget()
    assert isinstance(page, ReviewPage)
    assert page.sheet is not None
    page.sheet.rows[0].choose_mine()
    with window.qtbot.waitSignal(window.desk.reviews_changed):
        page.apply_button.click()
    assert ("decide", first.id, (Decision("plan", "mine"),)) in window.server.asked
    assert page.shown == second


def test_the_sync_page_says_what_was_not_taken_why_and_what_to_do(window: Window) -> None:
    failed = FailedChange(
        "A visit of 12-Mar-2026",
        "Your access to this clinic ended.",
        "Ask your clinic administrator to restore access.",
        record=window.record,
    )
    window.server.waiting_now = Waiting(visits=1, oldest=NOON, failed=(failed,))
    window.say(OFFLINE)
    dialog = SyncDialog(window.main, window.desk)
    dialog.open()
    assert dialog.words.splitlines()[:2] == [
        f"Working offline since {_local()}",
        "Everything is saved on this computer and will be sent when the connection returns.",
    ]
    assert "1 change waiting to send" in dialog.words
    for words in (failed.what, failed.why, failed.todo):
        assert words in dialog.words
    with window.qtbot.waitSignal(dialog.visit_requested) as asked:
        dialog._open(window.record)
    assert asked.args == [window.record]


def test_the_sync_page_says_why_a_visit_waits(window: Window) -> None:
    for kind, words in (("edit", "changed the same field"), ("finalized", "at the same time")):
        window.server.reviews_now = (a_review(kind=kind),)  # type: ignore[arg-type] # one of them
        with window.qtbot.waitSignal(window.desk.reviews_changed):
            window.desk.read_reviews()
        dialog = SyncDialog(window.main, window.desk)
        assert "1 visit waits for a choice" in dialog.words
        assert words in dialog.words
        dialog.reject()


def test_a_wrong_clock_is_said(window: Window) -> None:
    window.say(Link("connected", since=NOON, clock_ahead=43 * 60))
    dialog = SyncDialog(window.main, window.desk)
    assert "This computer’s clock is 43 min ahead of the server." in dialog.words
    dialog.reject()


def test_news_are_said_once_and_stay_until_they_were_read(window: Window) -> None:
    news = ("The clinic’s server was restored from a backup. Nothing was lost.",)
    window.say(Link("connected", since=NOON, said=news))
    dialog = SyncDialog(window.main, window.desk)
    assert news[0] in dialog.words
    dialog.accept()
    assert ("heard", news) in window.server.asked


def test_the_first_download_says_how_far_it_is(window: Window) -> None:
    window.server.download_now = Download(done=300, total=1_000, usable=True)
    window.say(Link("connected", since=NOON))
    dialog = SyncDialog(window.main, window.desk)
    assert "First download 30 %  ·  300 of 1,000" in dialog.words
    dialog.reject()


def test_whoever_else_has_the_visit_open_is_named_and_nothing_is_locked(window: Window) -> None:
    window.server.editors[window.record] = ("S. Lee",)
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.main.open_visit(window.record)
    strip = window.main.workplace._strip
    assert strip is not None
    assert strip.isVisible()
    assert strip.words.startswith("S. Lee has this visit open too.")
    assert window.server.editing == {window.record}
    window.server.editors.clear()
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.say(OFFLINE)
    assert strip.isHidden()


def test_what_others_changed_is_said_over_the_visit_until_it_was_read(window: Window) -> None:
    at = NOON - timedelta(minutes=3)
    window.server.combined_now[window.record] = (
        Combined("Weight 78.4 kg", "S. Lee", at),
        Combined("Plan", "S. Lee", at - timedelta(minutes=1)),
        Combined("Notes", "Dr B"),
    )
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.main.open_visit(window.record)
    strip = window.main.workplace._strip
    assert strip is not None
    assert strip.combined_words == (
        f"S. Lee changed Weight 78.4 kg and Plan ({_local(-3)}). Dr B changed Notes. "
        "It is in this visit together with what was typed here."
    )
    strip.read_button.click()
    assert strip.isHidden()
    window.qtbot.waitUntil(lambda: ("read", window.record) in window.server.asked)
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.say(OFFLINE)
    assert strip.isHidden()


def test_the_strip_goes_with_its_visit(window: Window) -> None:
    window.server.editors[window.record] = ("S. Lee", "Dr B")
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.main.open_visit(window.record)
    window.main.show_review()
    assert window.main.workplace._strip is not None
    assert window.main.workplace._strip.isHidden()


def test_a_signature_that_waits_says_so(window: Window) -> None:
    window.server.signed.add(window.record)
    with window.qtbot.waitSignal(window.desk.seen_together):
        window.main.open_visit(window.record)
    assert window.main.workplace._strip is not None
    assert window.main.workplace._strip.words.startswith("Signed here, waiting")


def test_escape_in_the_review_goes_back_to_the_day(window: Window) -> None:
    window.server.reviews_now = (a_review(),)
    with window.qtbot.waitSignal(window.desk.reviews_changed):
        window.desk.read_reviews()
    window.main.activateWindow()
    window.main.show_review()
    focused = QApplication.focusWidget() or window.main.workplace
    QTest.keyClick(focused, Qt.Key.Key_Escape)
    assert not isinstance(window.main.workplace.stack.currentWidget(), ReviewPage)


def test_the_list_counts_what_the_server_says_also_after_the_day_is_read_again(
    window: Window,
) -> None:
    window.server.reviews_now = (a_review(), a_review())
    with window.qtbot.waitSignal(window.desk.reviews_changed):
        window.desk.read_reviews()
    reading = window.main._reading
    assert reading is not None
    with window.qtbot.waitSignal(reading.counts_read):
        reading.read_lists()
    assert window.main.sidebar._nav["review"].accessibleName() == "To review, 2"


def test_a_failure_to_store_a_choice_is_a_sentence(window: Window) -> None:
    window.server.problem = Conflict("This visit changed meanwhile. Look again.")
    window.server.reviews_now = (a_review(PLAN),)
    answers: list[str] = []
    window.desk.decide(window.server.reviews_now[0], (), answers.append)
    window.qtbot.waitUntil(lambda: bool(answers))
    assert answers == ["This visit changed meanwhile. Look again."]


def test_a_join_code_is_asked_for_only_where_it_may_help(window: Window) -> None:
    window.say(Link("connected", since=NOON))
    dialog = SyncDialog(window.main, window.desk)
    dialog.open()
    assert not dialog.code.isVisible()
    window.say(Link("refused", since=NOON, because="The join code is not here."))
    assert dialog.code.isVisible()
    dialog.code.click()
    (asking,) = window.main.findChildren(JoinCodeDialog)
    window.server.problem = Invalid({"join_code": "This is not a join code."})
    asking.line.setText("abc")
    asking.use.click()
    window.qtbot.waitUntil(lambda: asking.problem.text() == "This is not a join code.")
    window.server.problem = None
    asking.line.setText("the right one")
    with window.qtbot.waitSignal(asking.accepted):
        asking.use.click()
    assert ("code", "the right one") in window.server.asked


def test_a_computer_that_was_signed_out_is_told_what_to_do_instead(window: Window) -> None:
    window.say(Link("refused", since=NOON, because="Signed out.", signed_out=True))
    dialog = SyncDialog(window.main, window.desk)
    dialog.open()
    assert not dialog.code.isVisible()
    assert "No join code undoes that." in dialog.words
    assert "joins the clinic anew" in dialog.words
    window.say(Link("refused", since=NOON, because="The join code is not here."))
    assert dialog.code.isVisible()
    assert "No join code" not in dialog.words


def test_whoever_was_disabled_is_refused_once_and_not_every_few_seconds(window: Window) -> None:
    window.server.refusal = Denied("You no longer have access to this clinic.")
    window.server.say(OFFLINE)
    window.qtbot.waitUntil(lambda: window.server.refused == 1)
    for _ in range(3):
        window.desk.read()
        window.desk.read_reviews()
    window.desk._background.drain()
    window.qtbot.waitUntil(lambda: not window.desk._reading)
    assert window.server.refused == 1
