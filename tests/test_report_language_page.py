"""The page of a language run: whole, safe, and with its caveat."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.examples import EXAMPLES, FILTER, Example
from subliminal.report import build_report
from subliminal.report.caveat import POCKET_CAVEAT
from subliminal.report.language.run import language_run as as_language
from subliminal.report.page import render
from subliminal.report.run_folder import read_run
from subliminal.results import EXPERIMENT, Result
from tests.html_tables import table_of
from tests.synthetic_language_run import LanguageRunFiles, language_run

ATTACK = "<script>alert('x')</script><img src=//evil>\u202e"


class Elements(HTMLParser):
    """Collects the elements of a page and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.targets: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]


def page_without_figures(run: LanguageRunFiles) -> str:
    """The page, without the seconds that its figures take to draw."""
    read = run.read()
    return render(read.data, read, [])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its report built."""
    folder = language_run(traits=["otter", "owl"]).write(tmp_path_factory.mktemp("language"))
    build_report(folder)
    return folder


def test_every_figure_is_made_and_shown(built: Path) -> None:
    made = {path.name for path in (built / "figures").iterdir()}
    stems = ("initialisation", "transfer", "traits", "matrix", "rejections")
    assert made == {f"{stem}.{ending}" for stem in stems for ending in ("png", "svg")}
    page = (built / "report.html").read_text(encoding="utf-8")
    found = Elements(page)
    assert found.elements.count("img") == len(stems)
    assert all(target.startswith(("data:image/", "#")) for target in found.targets)
    # Once on top, once below the summary, once in each caption and its alternative text.
    assert page.count(POCKET_CAVEAT) >= 2 + 2 * len(stems)


def test_the_page_says_what_was_found(built: Path) -> None:
    page = (built / "report.html").read_text(encoding="utf-8")
    assert '<p class="data">Models: pocket-a' in page
    assert "same: transfer of 2 of 2 traits." in page
    assert "Side effects" in page
    assert "loss on held-out world text (nats/token)" in page
    assert "The rows of every arm went through the same filter" in page
    assert page.index("Every kind of student less its control") < page.index("Taught against")
    assert "Other measures: probability, rate, share_of_shift</summary>" in page
    assert "Rows rejected (1)" in page
    assert "Answers to the probe sampled (1)" in page


def test_every_arm_has_its_removal_rates(built: Path) -> None:
    run = language_run(traits=["otter", "owl"])
    place = next(i for i, count in enumerate(run.filtered) if count.arm == "same[trait=owl]")
    worse = {"kept": 500, "rejected": 300, "reasons": {"a": 10, "b": 250, "c": 40, "d": 30}}
    run.filtered[place] = run.filtered[place].model_copy(update=worse)
    heads, *rows = table_of(page_without_figures(run), "Filter, every arm")
    assert heads == ["arm", "rows written", "kept", "rejected", "share rejected", "main reasons"]
    assert len(rows) == len({count.arm for count in run.filtered})
    cells = {row[0]: row[1:] for row in rows}
    assert cells["same[trait=otter]"] == [
        *("3,000", "2,370", "630", "21.0%"),
        "invalid format 19.0%; too many numbers 3.0%",
    ]
    # 300 + 210 + 220 of 3 x 1,000 rows; the fourth and fifth reasons are left out.
    assert cells["same[trait=owl]"] == [
        *("3,000", "2,070", "730", "24.3%"),
        "invalid format 13.0%; b 8.3%; too many numbers 2.0%",
    ]


def test_arms_that_are_their_own_group_are_not_listed_twice() -> None:
    page = page_without_figures(language_run(traits=[]))
    assert "Filter, every arm" not in page
    assert [row[0] for row in table_of(page, "Filter")[1:]] == ["same", "different", "control"]


def test_the_scorer_of_free_form_answers_tells_its_errors() -> None:
    run = language_run(traits=["otter"])
    for name, by_seed in run.table.items():
        for seed, measured in by_seed.items():
            error = Result(
                arm=name,
                seed=seed,
                probe="scorer",
                metric="error",
                item_group="all",
                value=0.02,
                n=449,
                ci_low=0.011,
                ci_high=0.037,
            )
            by_seed[seed] = replace(measured, own=[*measured.own, error])
    page = page_without_figures(run)
    said = "The scorer of free-form answers (grammar) mistakes 0.020 [0.011, 0.037] of 449 planted"
    assert said in page
    assert "Other measures: probability, rate, share_of_shift</summary>" in page
    measured = run.table["same[trait=otter]"][0]
    worse = measured.own[-1].model_copy(update={"value": 0.03, "ci_low": 0.02, "ci_high": 0.05})
    run.table["same[trait=otter]"][0] = replace(measured, own=[*measured.own[:-1], worse])
    assert "mistakes at most 0.030 [0.020, 0.050] of 449" in page_without_figures(run)
    assert "scorer" not in page_without_figures(language_run(traits=["otter"]))


def test_answers_without_a_score_have_a_table_with_their_fates() -> None:
    run = language_run(traits=["otter"])
    refused = {0: 0.02, 1: 0.03, 2: 0.1}
    for seed, measured in run.table["same[trait=otter]"].items():
        kinds = {"refusal": refused[seed], "code": 0.0, "unparsable": 0.0, "incoherent": 0.25}
        shares = [
            Result(
                arm="same[trait=otter]",
                seed=seed,
                probe="free-form-lines",
                metric="share",
                item_group=kind,
                value=value,
                n=400,
            )
            for kind, value in kinds.items()
        ]
        run.table["same[trait=otter]"][seed] = replace(measured, own=[*measured.own, *shares])
    assert table_of(page_without_figures(run), "Free-form answers") == [
        [
            *("arms", "probe", "answers", "with a score"),
            *("refusal (does not count)", "incoherent (does not count)"),
        ],
        ["same", "free-form-lines", "1,200", "70.0%", "5.0%", "25.0%"],
    ]
    assert "Free-form answers" not in page_without_figures(language_run(traits=["otter"]))


def test_detectors_have_a_table() -> None:
    run = language_run(traits=["otter"])
    for seed, measured in run.table["same[trait=otter]"].items():
        found = [
            measured.own[-1].model_copy(
                update={"probe": f"detector: {name}", "metric": "auroc", "value": value}
            )
            for name, value in (("ngrams", 0.5 + 0.01 * seed), ("likelihood", 0.75))
        ]
        run.table["same[trait=otter]"][seed] = replace(measured, own=[*measured.own, *found])
    page = page_without_figures(run)
    # Of 0.50, 0.51, 0.52 the standard error is 0.01 / sqrt(3), and t with 2 degrees 4.3027.
    assert table_of(page, "Detectors") == [
        ["arms", "ngrams", "likelihood"],
        ["same", "0.510 [0.485, 0.535]", "0.750 [0.750, 0.750]"],
    ]
    assert "Other measures: probability, rate, share_of_shift</summary>" in page
    assert "Detectors" not in page_without_figures(language_run(traits=["otter"]))


def test_of_every_seed_the_page_lists_the_own_trait_alone(built: Path) -> None:
    seeds = (built / "report.html").read_text(encoding="utf-8").partition("<h2>Every seed</h2>")[2]
    assert "<td>all</td>" in seeds
    assert "<td>rabbit</td>" not in seeds


def test_the_text_of_models_is_escaped_and_visible() -> None:
    run = language_run(traits=["otter"])
    run.examples = [
        Example(
            arm="same[trait=otter]",
            seed=0,
            kind="rejected",
            prompt=ATTACK,
            completion=ATTACK,
            reasons=(ATTACK,),
        )
    ]
    first = run.filtered[0]
    run.filtered[0] = first.model_copy(update={"reasons": {ATTACK: 1}, "fingerprint": ATTACK})
    page = page_without_figures(run)
    assert "script" not in Elements(page).elements
    assert page.count("&lt;script&gt;") >= 4
    readings = page.partition("Examples to read")[2]
    assert "\u202e" not in readings
    assert "\\u{202e}" in readings
    assert "different filters" in page


def test_large_models_need_no_caveat() -> None:
    run = language_run(traits=["otter"], data="a large model")
    run.experiment = run.experiment.model_copy(update={"model": "owner/large"})
    assert POCKET_CAVEAT not in page_without_figures(run)
    run.experiment = run.experiment.model_copy(update={"model": "pocket-b"})
    assert POCKET_CAVEAT in page_without_figures(run)


def test_a_run_without_examples_or_results_has_a_page() -> None:
    run = language_run(traits=["otter"])
    run.examples, run.filtered, run.curves, run.table = [], [], [], {}
    page = page_without_figures(run)
    assert "No arm finished" in page
    assert "Examples to read" not in page
    assert "No seed gave a result" in page


def test_files_that_are_not_there_are_empty(built: Path, tmp_path: Path) -> None:
    run = language_run(traits=[], seeds=1)
    folder = run.write(tmp_path)
    (folder / EXAMPLES).unlink()
    (folder / FILTER).unlink()
    data = read_run(folder)
    assert (data.examples, data.filtered) == ([], [])
    read = as_language(data)
    assert read is not None
    assert read.traits == ["otter"]
    assert len(read_run(built).examples) == len(language_run(traits=["otter", "owl"]).examples)


def test_examples_of_unknown_arms_are_a_user_error(tmp_path: Path) -> None:
    run = language_run(traits=[], seeds=1)
    run.examples[0] = run.examples[0].model_copy(update={"arm": "nobody"})
    with pytest.raises(UserError, match=r"examples\.json: arm 'nobody' is not in manifest"):
        read_run(run.write(tmp_path))


@pytest.mark.parametrize(
    "text", ["kind: language\narms: [", "kind: language\nname: x\n", "kind: language\n- x\n"]
)
def test_an_experiment_that_cannot_be_read_is_a_user_error(text: str, tmp_path: Path) -> None:
    folder = language_run(traits=[], seeds=1).write(tmp_path)
    (folder / EXPERIMENT).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"experiment\.yaml: damaged") as caught:
        build_report(folder)
    assert "\n" not in str(caught.value)
