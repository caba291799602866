"""The page of the report is whole, safe and the same every time."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from subliminal.errors import UserError
from subliminal.report import build_report
from subliminal.report.answer import problems
from subliminal.results import CURVES, EXPERIMENT, CurvePoint, MemoryShortage
from tests.synthetic_run import LONG, Run, arm_state, make_run, plain_run, swept_run


@pytest.fixture(scope="module")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its report built."""
    folder = plain_run().write(tmp_path_factory.mktemp("plain"))
    build_report(folder)
    return folder


def page_of(run: Run, folder: Path) -> str:
    return build_report(run.write(folder)).read_text(encoding="utf-8")


def figures_of(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "figures").iterdir()}


class Loads(HTMLParser):
    """Collects whatever a page would fetch, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.elements: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        fetching = {"src", "href", "srcset", "data", "action", "poster"}
        self.targets += [value or "" for name, value in attrs if name in fetching]


def test_every_promised_file_is_made(plain_folder: Path) -> None:
    assert (plain_folder / "report.html").is_file()
    made = {path.name for path in (plain_folder / "figures").iterdir()}
    families = ("bars", "curves", "alignment")
    assert made == {f"{name}.{ending}" for name in families for ending in ("png", "svg")}
    assert (plain_folder / "figures" / "bars.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (plain_folder / "figures" / "bars.svg").read_bytes()


def test_two_builds_give_the_same_bytes(plain_folder: Path, tmp_path: Path) -> None:
    again = plain_run().write(tmp_path)
    build_report(again)
    for path in [plain_folder / "report.html", *(plain_folder / "figures").iterdir()]:
        assert (again / path.relative_to(plain_folder)).read_bytes() == path.read_bytes()


def test_page_loads_nothing(plain_folder: Path) -> None:
    page = (plain_folder / "report.html").read_text(encoding="utf-8")
    loads = Loads(page)
    assert len([target for target in loads.targets if target.startswith("data:image/")]) == 3
    assert all(target.startswith(("data:image/", "#")) for target in loads.targets)
    assert "url(" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_page_escapes_what_the_run_says(tmp_path: Path) -> None:
    attack = "<script>alert('x')</script><img src=//evil>"
    run = plain_run(description=attack, data=attack, command=attack, curved=[])
    arms = dict(run.manifest.arms)
    arms["same-aux"] = arms["same-aux"].model_copy(update={"state": "failed", "reason": attack})
    run.manifest = run.manifest.model_copy(update={"arms": arms})
    run.verdicts["same-all"] = f"transfer: {attack}"
    folder = run.write(tmp_path)
    (folder / EXPERIMENT).write_text(f"description: {attack}\n", encoding="utf-8")
    page = build_report(folder).read_text(encoding="utf-8")
    loads = Loads(page)
    assert "script" not in loads.elements
    assert not [target for target in loads.targets if "evil" in target]
    assert page.count("&lt;script&gt;") >= 5


def test_page_says_what_was_found(plain_folder: Path) -> None:
    page = (plain_folder / "report.html").read_text(encoding="utf-8")
    assert "3 of 3 student arms show transfer: same-aux, same-all and different-all." in page
    assert "above its control: difference 0.437 over 5 seeds" in page
    assert "name: synthetic" in page
    assert "10 min 00 s" in page


def test_substitute_data_are_a_warning(plain_folder: Path, tmp_path: Path) -> None:
    page = page_of(plain_run(data="8x8 digits, NOT MNIST", curved=[]), tmp_path)
    assert '<p class="warning" role="alert">Data: 8x8 digits, NOT MNIST' in page
    assert 'role="alert"' not in (plain_folder / "report.html").read_text(encoding="utf-8")


def test_failed_arm_is_listed_with_its_reason(tmp_path: Path) -> None:
    run = plain_run(curved=[])
    arms = dict(run.manifest.arms)
    arms["broken"] = arm_state(
        group="broken", control="reference", state="failed", reason="the loss became NaN at step 7"
    )
    arms["lonely"] = arm_state(group="lonely", control="none", state="incomplete")
    run.manifest = run.manifest.model_copy(update={"arms": arms})
    page = page_of(run, tmp_path)
    assert "the loss became NaN at step 7" in page.partition('id="problems"')[2]
    assert "1 failed: broken." in page
    found = {(problem.arm, problem.what) for problem in problems(run.manifest)}
    # different-aux has no control either, but it is one, and that is what it is for.
    assert found == {("broken", "failed"), ("lonely", "incomplete"), ("lonely", "no control")}


def test_a_shortage_of_memory_is_said_but_is_no_problem(tmp_path: Path) -> None:
    run = plain_run()
    short = [MemoryShortage(kind="lm.write", stages=2, rows=16)]
    told = replace(run, manifest=run.manifest.model_copy(update={"short_of_memory": short}))
    page, plain = page_of(told, tmp_path / "told"), page_of(run, tmp_path / "plain")
    assert "memory ran out in 2 stages" in page
    assert "lm.write (2 stages, 16 rows)" in page
    assert "memory ran out" not in plain
    assert page.count("what this run can say") == plain.count("what this run can say")


def test_unknown_values_are_never_zero(tmp_path: Path) -> None:
    run = plain_run()
    run.values["same-aux"] = dict.fromkeys(range(5))
    run.values["same-all"][3] = None
    run.curves = [
        point.model_copy(update={"value": None}) if point.arm == "same-aux" else point
        for point in run.curves
    ]
    page = page_of(run, tmp_path)
    rows = [row for row in page.split("<tr>") if row.startswith("\n<th") and "same-<wbr>aux" in row]
    summary_row = rows[0]
    assert "n/a" in summary_row
    assert "0.000" not in summary_row
    seeds_row = next(row for row in page.split("<tr>") if row.count('title="n/a over') == 5)
    assert "0.000" not in seeds_row


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    page = page_of(plain_run(seeds=[7]), tmp_path)
    assert "[n/a]" in page
    assert figures_of(tmp_path) == {"bars", "curves", "alignment"}


def test_run_without_curves_or_results(tmp_path: Path) -> None:
    folder = plain_run(curved=[]).write(tmp_path / "a")
    (folder / CURVES).unlink()
    build_report(folder)
    assert figures_of(folder) == {"bars"}

    run = plain_run(curved=[])
    run.values = {}
    page = page_of(run, tmp_path / "b")
    assert "No arm finished" in page
    assert "No seed gave a result" in page
    assert not (tmp_path / "b" / "figures").exists()


def test_long_and_foreign_names(tmp_path: Path) -> None:
    assert len(LONG) == 80
    arms = {LONG: arm_state(control="reference"), "reference": arm_state("reference")}
    run = make_run(
        arms, {LONG: 0.5, "reference": 0.1}, curved=[LONG], description="ünïcödé 数字 \U0001f522"
    )
    page = page_of(run, tmp_path)
    assert "ünïcödé 数字 \U0001f522" in page
    assert LONG in page.replace("<wbr>", "")


def test_damaged_folder_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json: no such file"):
        build_report(tmp_path / "nowhere")
    run = plain_run(curved=[])
    run.curves = [CurvePoint(arm="x", seed=0, step=0, metric="accuracy", item_group="all", value=0)]
    with pytest.raises(UserError, match=r"curves\.jsonl: arm 'x' is not in manifest") as caught:
        build_report(run.write(tmp_path))
    assert "\n" not in str(caught.value)


def test_sweep_leads_where_it_holds_most_comparisons(tmp_path: Path) -> None:
    folder = swept_run("network.auxiliary", [1, 10]).write(tmp_path)
    page = build_report(folder).read_text(encoding="utf-8")
    assert "sweep-network.auxiliary" in figures_of(folder)
    assert page.index("Sweep of auxiliary logits m.") < page.index("Every arm.")


def test_arms_swept_over_names_only_are_bars(tmp_path: Path) -> None:
    arms = {
        f"s[inputs={inputs}]": arm_state(
            group="s", point={"initialisation.inputs": inputs}, control="none"
        )
        for inputs in ("uniform", "images")
    }
    build_report(make_run(arms, dict.fromkeys(arms, 0.5)).write(tmp_path))
    assert figures_of(tmp_path) == {"bars"}
