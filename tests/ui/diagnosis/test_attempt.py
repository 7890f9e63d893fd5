from medrec_desktop.ui.diagnosis.attempt import Attempt


def typed(attempt: Attempt, *texts: str) -> list[str]:
    """Each text typed and answered; what was given up on the way."""
    given_up = []
    for text in texts:
        given_up.append(attempt.typed(text))
        if text:
            attempt.answered(text)
    return [words for words in given_up if words]


def test_letter_by_letter_is_one_search() -> None:
    attempt = Attempt()
    assert typed(attempt, "s", "su", "sug", "suga", "sugar", "sugar a") == []
    assert attempt.end() == "sugar a"
    assert attempt.end() == ""


def test_emptying_the_box_gives_up_the_longest_words_and_not_each_shorter_one() -> None:
    attempt = Attempt()
    assert typed(attempt, "sugar atack", "sugar ata", "sug", "s", "") == ["sugar atack"]


def test_beginning_anew_over_selected_words_gives_them_up() -> None:
    attempt = Attempt()
    assert typed(attempt, "sugar", "h", "hypo") == ["sugar"]
    assert attempt.end() == "hypo"


def test_a_corrected_letter_is_the_same_search() -> None:
    attempt = Attempt()
    assert typed(attempt, "astma", "ast", "asth", "asthma") == []
    assert attempt.end() == "asthma"


def test_what_was_not_answered_and_one_or_two_letters_are_not_counted() -> None:
    attempt = Attempt()
    assert attempt.typed("not yet answered") == ""
    assert attempt.typed("") == ""
    assert typed(attempt, "a", "ab", "") == []
