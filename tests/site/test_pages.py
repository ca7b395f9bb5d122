"""The pages as files: whole, linked, labelled, escaped, the same bytes each time."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from wbir import papers
from wbir.data.catalogue import Remote
from wbir.data.summary import summaries
from wbir.errors import InputError
from wbir.files import read_rows, write_rows
from wbir.results import PaperResults
from wbir.site import build, front, how_to_run
from wbir.site.build import Choices, build_site
from wbir.site.links import keys, link, sections, speaks_of
from wbir.site.rendering import ASSETS, duration, prose

SLUG = "17-csngf"
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """The elements of a page; complains where a tag is closed that is not open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.open, self.elements = path, [], []  # type: tuple[Path, list[str], list[tuple[str, dict[str, str]]]]
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open, f"{path.name}: never closed {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"{self.path.name}: </{tag}> closes nothing at {self.getpos()}"

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_page_is_there_and_well_formed(pages: dict[Path, Page], site: Path) -> None:
    names = {str(path.relative_to(site)) for path in pages}
    assert {"index.html", f"papers/{SLUG}.html"} <= names
    assert {f"cases/{SLUG}--{e}--{c}.html" for e, c in (("flat", "flat-0"), ("blobs", "blob-1"))} <= names


def test_every_link_and_anchor_resolves(pages: dict[Path, Page], site: Path) -> None:
    checked = 0
    for path, page in pages.items():
        for tag, attributes in page.elements:
            address = attributes.get("href") if tag in ("a", "link") else attributes.get("src")
            if not address or address.startswith(("http", "data:")):
                continue
            file, _, anchor = unquote(address).partition("#")
            target = (path.parent / file).resolve() if file else path.resolve()
            assert target.is_file() and target.is_relative_to(site.resolve()), f"{path.name}: {address}"
            assert not anchor or anchor in {p.resolve(): q for p, q in pages.items()}[target].ids, (
                f"{path.name}: {address}"
            )
            checked += 1
    assert checked > 60


def test_pages_can_be_read_without_seeing_them(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), path.name
        assert page.all("html")[0]["lang"] == "en" and len(page.all("h1")) == 1 and len(page.all("main")) == 1
        assert page.all("a")[0] == {"class": "skip", "href": "#main"}
        assert all(image["alt"].strip() for image in page.all("img"))
        assert all(head.get("scope") in ("row", "col") for head in page.all("th")), path.name
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(a["aria-labelledby"] in page.ids for _, a in page.elements if "aria-labelledby" in a)
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert all(b <= a + 1 for a, b in pairwise(levels)), f"{path.name} skips a level of heads"


def test_text_of_papers_is_escaped(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for bad in ("<script>alert", "<none>", "Truth <i>", "a<b", "<b>1</b>", "<made up>"):
            assert bad not in text, f"{path.name}: {bad}"
    for path in site.rglob("*.js"):
        assert "</script" not in path.read_text(encoding="utf-8")
    assert str(prose("a `b<c` **d**")) == "a <code>b&lt;c</code> <strong>d</strong>"


def test_the_front_page_lists_all_papers_contradicted_first(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    rows = re.findall(r'<th scope="row" data-value="([^"]+)">', text)
    assert sorted(rows) == [entry["paper"] for entry in read_rows(papers.REPOSITORY / "config" / "proceedings.csv")]
    assert rows[0] == SLUG and text.count("not yet here</span>") == len(rows) - 1 == 25


def test_papers_are_ordered_by_their_contradicted_claims() -> None:
    def view(*verdicts: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"cohorts": [], "quality": [], "paper": {"title": ""}, "total": {"seconds": 0.0}}
        return {"claims": [{"verdict": verdict} for verdict in verdicts], **empty}

    views = {
        "05-deepstaple": view("holds"),
        "03-lddmm-gan": view("contradicted"),
        "26-bounding-box": view(*["contradicted"] * 2),
    }
    made = front.front_view(views)
    assert [row["number"] for row in made["rows"]][:5] == ["26", "03", "05", "01", "02"]
    assert made["here"] == 3 and made["judged"] == 4 and made["totals"]["contradicted"] == 3


def test_a_paper_s_page_shows_all_that_was_made(site: Path, made_up: PaperResults) -> None:
    text = (site / "papers" / f"{SLUG}.html").read_text(encoding="utf-8")
    order = re.findall(r'id="claim-(17-C0\d)"', text)
    assert order == ["17-C02", "17-C03", "17-C01"]
    for words in (
        "printed</small> 0.5 ± 0.1",
        "data restricted",
        "0 &lt;none&gt;",
        "A false claim.",
        "needs the data set nirep",
    ):
        assert words in text
    assert text.count('href="#exhibit-table-1"') == 2 and 'href="#claim-17-C02"' in text
    checks = read_rows(made_up.folder / "checks.csv")
    assert all(check["what"] in text for check in checks) and len(checks) == 2
    peak = re.search(r"peak memory</dt><dd>([^<]+)", text)
    assert peak and peak.group(1).split()[1] in ("MB", "GB")


def test_the_site_is_the_same_bytes_again_and_other_files_stay(
    site: Path, made_up: PaperResults, tmp_path: Path
) -> None:
    out = tmp_path / "demo"
    for _ in range(2):
        build_site(made_up.results, out, Choices("demo", {}, {}))
        (out / "report.html").write_text("another tool's")
    first, second = (
        {p.relative_to(base): p.read_bytes() for p in base.rglob("*") if p.is_file()} for base in (site, out)
    )
    assert second.pop(Path("report.html")) == b"another tool's"
    assert first == second


def test_a_failed_build_leaves_the_old_site(
    made_up: PaperResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "demo"
    build_site(made_up.results, out, Choices("demo", {}, {}))
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}

    def fail(*_: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(build.case_data, "write_case", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        build_site(made_up.results, out, Choices("demo", {}, {}))
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert {p.name for p in out.iterdir()} == {"index.html", "assets", "papers", "cases"}


def test_labels_of_a_cohort_have_their_names_and_others_their_numbers(site: Path, made_up: PaperResults) -> None:
    assert made_up.label_name("flat", "dice", "1") == "the blob"
    assert made_up.label_name("flat", "mse", "1") == made_up.label_name("flat", "residual_mse", "1") == "1"
    assert "the blob" in (site / "papers" / SLUG / "measurements.js").read_text()


def test_a_study_has_a_page_and_a_section_of_its_own(made_up: PaperResults, tmp_path: Path) -> None:
    declared = papers.STUDIES / "comparison"
    declared.mkdir(parents=True)
    shutil.copy(papers.PAPERS / SLUG / "paper.yaml", declared)
    shutil.copytree(made_up.results, tmp_path / "results")
    shutil.copytree(made_up.folder, tmp_path / "results" / "comparison")
    for name in ("flat", "blobs", "halved"):
        cohorts = tmp_path / "results" / "cohorts"
        shutil.copytree(cohorts / f"{SLUG}.{name}", cohorts / f"comparison.{name}")
    build_site(tmp_path / "results", tmp_path / "out", Choices("demo", {}, {}))
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="papers/comparison.html"' in text.split('id="studies"')[1]
    assert 'data-value="comparison"' not in text
    page = Page(tmp_path / "out" / "papers" / "comparison.html")
    assert "claim-17-C02" in page.ids and (tmp_path / "out/cases/comparison--blobs--blob-0.html").is_file()


def test_no_results_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a results folder"):
        build_site(tmp_path / "none", tmp_path / "out", Choices("demo", {}, {}))
    assert not (tmp_path / "out").exists()


def test_commands_for_real_data_turn_the_experiment_on(made_up: PaperResults) -> None:
    """The command's own words, read back as configuration, make the cohort come from that source."""
    import yaml

    rows = how_to_run.real_data(made_up.paper, SLUG)
    assert [row["experiments"] for row in rows] == [["Blobs", "Halved"], ["Real"]]
    assert rows[0]["stand_in"] == "Inter-subject brains" and rows[1]["stand_in"] == ""
    for row, names in zip(rows, (("blobs", "halved"), ("real",)), strict=True):
        assert [(entry.name, entry.access, entry.size) for entry in row["datasets"]] == [
            ("nirep", "open", "more than 32.9 MB")
        ]
        for entry, source in zip(row["commands"], ("public", "local"), strict=True):
            pairs = dict(word.split("=", 1) for word in shlex.split(entry["command"])[4:] if "=" in word)
            config = {key: yaml.safe_load(value) for key, value in pairs.items()}
            paper = papers.load_paper(SLUG, config["scale"], config.get("sources"), config.get("data"))
            assert config.get("accept_terms", []) == (["nirep"] if source == "public" else [])
            for name in names:
                assert paper.why_not(name) is None
                assert [leaf.source for leaf in paper.cohort(name).leaves()] == [source]


def test_what_a_paper_cannot_download_is_asked_for_beside_what_it_can(tmp_path: Path) -> None:
    """Of two data sets of one cohort the open one is fetched, the other one named; terms are accepted for the former alone."""
    known = summaries(
        Remote(name, "f.zip", access, "none", url, "some", "unknown", "unknown", size, None, feeds, "n")
        for name, access, url, size, feeds in (
            ("learn2reg-lung", "open", "https://localhost/f.zip", 2_000_000_000, "10"),
            ("empire10", "registration", "unknown", None, "none"),
        )
    )  # fmt: skip
    assert [(entry.size, entry.feeds, entry.fetched) for entry in known.values()] == [
        ("2.0 GB", ("10",), True), ("unknown", (), False),
    ]  # fmt: skip
    cohorts = {
        "lungs": {"use": "lung_ct", "real": "both"},
        "both": {"use": "joined", "of": ["open", "closed"]},
        "open": {"use": "learn2reg_lung"},
        "closed": {"use": "empire10"},
    }
    spec = {"cohorts": cohorts, "experiments": {"e": {"cohort": "lungs"}}}
    plain = papers.Paper("10-made-up", "paper", spec, {}, {})
    lines = how_to_run._commands_of(plain, "lungs", ["learn2reg-lung", "empire10"], known, "10-made-up")
    assert [entry["command"].split("scale=paper ")[1] for entry in lines] == [
        "'data={empire10: /path/to/empire10}' 'sources={lungs: public}' 'accept_terms=[learn2reg-lung]'",
        "'data={learn2reg-lung: /path/to/learn2reg-lung, empire10: /path/to/empire10}'",
    ]


def test_a_derived_cohort_is_described_with_its_bases_and_its_sheet(site: Path) -> None:
    text = (site / "papers" / f"{SLUG}.html").read_text(encoding="utf-8")
    part = text.split(f'id="cohort-{SLUG}.halved"')[1].split("</details>")[0]
    steps = re.findall(r"<li>(.*?)</li>", part, re.DOTALL)
    assert len(steps) == 2 and f'href="#cohort-{SLUG}.blobs"' in steps[0] and "Inter-subject brains" in steps[0]
    assert "<code>spacing: 4.0</code>" in steps[1] and 'class="tag">derived' in steps[1]
    assert f'src="{SLUG}/cohorts/{SLUG}.halved.png"' in part
    assert (site / "papers" / SLUG / "cohorts" / f"{SLUG}.halved.png").stat().st_size > 5000
    simulated = text.split(f'id="cohort-{SLUG}.blobs"')[1].split("</details>")[0]
    assert "<img" not in simulated and "<li>" not in simulated
    front_page = (site / "index.html").read_text(encoding="utf-8")
    assert "Inter-subject brains <small>simulated</small>" in front_page and "isotropic grids" not in front_page


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Table 2, Sect. 4.3", {("tab", "2")}),
        ("Tables 1, 2 (derived)", {("tab", "1"), ("tab", "2")}),
        ("Fig. 1(f, m)", {("fig", "1")}),
        ("Figs. 2–4 and Table 10", {("fig", "2"), ("fig", "3"), ("fig", "4"), ("tab", "10")}),
        ("Sect. 3.1, Fig. 1-C", {("fig", "1")}),
        ("Extra table 1", {("extra tab", "1")}),
        ("Eqs. 2, 4", set()),
    ],
)
def test_exhibits_named_by_a_text(text: str, found: set[tuple[str, str]]) -> None:
    assert keys(text) == found


def test_claims_and_exhibits_find_each_other() -> None:
    assert sections("Sect. 3.2, Fig. 2") == {"3.2"}
    assert speaks_of("Sect. 3.2, Fig. 2", "text (Sect. 3.2)") and not speaks_of("Sect. 3.1", "text (Sect. 3.2)")
    assert not speaks_of("Table 1", "Extra table 1") and not speaks_of("Table 11", "Table 1")
    claims = [{"id": "a", "where": "Table 1"}, {"id": "b", "where": "Fig. 1, Table 1"}]
    of_claim, of_exhibit = link(claims, {"t": "Table 1", "f": "Fig. 1", "g": "Fig. 2"})
    assert of_claim == {"a": ["t"], "b": ["t", "f"]} and of_exhibit == {"t": ["a", "b"], "f": ["b"], "g": []}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (59.4, "59 s"), (200, "3 min 20 s"), (3599.7, "1 h 00 min"), (float("nan"), "–")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_contrast() -> None:
    """WCAG 2 AA, 4.5 to 1, for each colour of text on each ground it stands on, in both themes; both dark lists agree."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r"\{([^{}]*--bg:[^{}]*)\}", style)
    ]
    assert len(themes) == 4 and themes[1] == themes[2] and themes[0] != themes[1]
    for tokens in themes[:2]:
        for ground in ("bg", "surface", "sunk"):
            for text in ("ink", "muted", "accent"):
                assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
        for colour in ("red", "green", "blue", "amber", "grey", "violet"):
            for ground in (f"{colour}-bg", "sunk", "surface"):
                assert contrast(tokens[colour], tokens[ground]) >= 4.5, (colour, ground)


def test_an_experiment_counts_as_run_where_it_was_measured(made_up: PaperResults, tmp_path: Path) -> None:
    """Data given to the run need not be given again to the site: what has measurements ran, and shows its unit."""
    shutil.copytree(made_up.results, tmp_path / "results")
    base = tmp_path / "results" / SLUG
    rows = read_rows(base / "measurements.csv")
    extra = dict(rows[0], experiment="real", method="identity")
    write_rows(base / "measurements.csv", [*rows, extra], list(rows[0]))
    unit = base / "real" / "identity" / "0"
    unit.mkdir(parents=True)
    (unit / "manifest.json").write_text('{"wall_seconds": 4321.0, "cohort": {"source": "public"}, "commit": "c0ffee"}')
    build_site(tmp_path / "results", tmp_path / "out", Choices("demo", {}, {}))
    text = (tmp_path / "out" / "papers" / f"{SLUG}.html").read_text(encoding="utf-8")
    assert "needs the data set nirep" not in text and "What did not run" not in text
    assert "1 h 12 min" in text and "c0ffee" in text
    assert 'href="#dataset-nirep">nirep</a> (open; licence: none stated' in text.split('id="cohort-17-csngf.real"')[1]
    assert "NIREP NA0 <small>public</small>" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_trained_unit_shows_how_it_was_trained(made_up: PaperResults, tmp_path: Path) -> None:
    shutil.copytree(made_up.results, tmp_path / "results")
    unit = next(path.parent for path in sorted((tmp_path / "results" / SLUG).rglob("manifest.json")))
    readings = [{"metric": "trainable_parameters", "value": 901888.0}, {"metric": "training_steps", "value": 4900.0}]
    fit = {"cases": 24, "readings": readings, "wall_seconds": 1020.0, "peak_memory_mb": 1900.0, "device": "a card"}
    (unit / "fit.json").write_text(json.dumps(fit))
    build_site(tmp_path / "results", tmp_path / "out", Choices("demo", {}, {}))
    text = (tmp_path / "out" / "papers" / f"{SLUG}.html").read_text(encoding="utf-8")
    assert "Training of the learned methods" in text
    assert all(part in text for part in ("901,888", "4900", "17 min", "a card"))
