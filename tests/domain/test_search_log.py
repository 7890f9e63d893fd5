from medrec_desktop.domain.search_log import SearchLog, together


def test_a_pick_is_counted_by_its_place_and_by_its_words() -> None:
    log = SearchLog()
    for place in (1, 2, 5, 6, 10, 11):
        log = log.with_pick("  Sugar   SICKNESS ", "E11.9", place)
    assert log.places == (1, 2, 2, 1)
    assert log.picked == {"sugar sickness": {"E11.9": 6}}


def test_what_says_nothing_is_not_counted() -> None:
    log = SearchLog()
    assert log.with_pick(" ", "E11.9", 1) == log
    assert log.with_pick("gout", "M10.9", 0) == log
    assert log.with_given_up("\t") == log
    assert log.with_kept("") == log


def test_words_are_kept_short_and_the_oldest_leave() -> None:
    log = SearchLog().with_given_up("x" * 5_000)
    assert list(log.given_up) == ["x" * 80]
    for number in range(400):
        log = log.with_given_up(f"word {number}").with_pick(f"word {number}", "I10", 1)
        log = log.with_kept(f"word {number}")
    for counted in (log.given_up, log.picked, log.kept):
        assert len(counted) == 300
        assert "word 399" in counted
        assert "word 99" not in counted
    log = log.with_given_up("word 100").with_given_up("new")
    assert log.given_up["word 100"] == 2
    assert "word 101" not in log.given_up


def test_the_logs_of_several_doctors_are_one() -> None:
    one = SearchLog().with_pick("gout", "M10.9", 1).with_given_up("odd")
    other = SearchLog().with_pick("gout", "M10.9", 7).with_pick("gout", "M1A", 1).with_kept("odd")
    whole = together([one, other])
    assert whole.places == (2, 0, 1, 0)
    assert whole.picked == {"gout": {"M10.9": 2, "M1A": 1}}
    assert (whole.given_up, whole.kept) == ({"odd": 1}, {"odd": 1})
