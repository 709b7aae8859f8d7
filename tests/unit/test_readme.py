"""The pages of the docs stay true to the code: commands exist, settings parse, links lead somewhere, steps agree."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from deployments.cli import app
from deployments.processes import PROCESSES
from flows.running import PASSES
from models.shop import PartsSettings, parse_shop

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "sandbox").glob("*.md")])
PROCESS_PAGES = [page for page in (ROOT / "docs" / "processes").glob("*.md") if page.name != "README.md"]

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_BLOCK = re.compile(r"```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
_COMMAND = re.compile(r"truckroll ((?:[a-z][a-z-]+)(?: [a-z][a-z-]+)?)(?P<rest>[^`|\n]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, kind: str) -> list[str]:
    return [found["text"] for found in _BLOCK.finditer(page.read_text(encoding="utf-8")) if found["kind"] == kind]


def commands() -> dict[str, set[str]]:
    """Every command of the command line, groups' too, with its options."""
    found: dict[str, set[str]] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for full, one in {f"{name} {sub}": each for sub, each in inner.items()}.items() if inner else [(name, command)]:
            found[full] = {option for parameter in one.params for option in parameter.opts} | {"--help"}
    return found


def test_every_page_is_found() -> None:
    """Else the checks below check nothing."""
    assert {"README.md", "docs/checklists.md", "docs/processes/parts-loop.md"} <= {page_id(page) for page in PAGES}
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the project, and every anchor a heading of it."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name} links to {target}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_that_are_named_exist_with_their_options(page: Path) -> None:
    """A `truckroll ...` in a page is a command of the program, and so are the options behind it."""
    known = commands()
    groups = {name.split()[0] for name in known}
    text = page.read_text(encoding="utf-8")
    code = "\n".join(
        [
            *re.findall(r"`([^`\n]+)`", text),
            *(found["text"] for found in _BLOCK.finditer(text) if found["kind"] == "sh"),
        ]
    )
    for found in _COMMAND.finditer(code):
        first, _, second = found.group(1).partition(" ")
        assert first in groups, f"{page.name}: truckroll {found.group(1)}"
        name = f"{first} {second}" if f"{first} {second}" in known else first
        if name not in known:
            assert not second, f"{page.name}: truckroll {first} {second}"
            continue
        options = set(_OPTION.findall(found.group("rest")))
        assert options <= known[name], f"{page.name}: truckroll {name} {options - known[name]}"


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_says_what_it_does(command: str) -> None:
    """`--help` works for each, and the README's table names each."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    first, _, second = command.partition(" ")
    assert f"truckroll {first}" in table
    assert f"`{second}`" in table or f"truckroll {command}" in table


def test_make_targets_that_are_named_exist() -> None:
    """`make X` in a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        code = " ".join(re.findall(r"`[^`]+`", page.read_text(encoding="utf-8")))
        named = set(re.findall(r"`make ([a-z][a-z0-9-]*)", code))
        assert named <= targets, f"{page_id(page)}: {named - targets}"


def test_the_readmes_settings_are_settings() -> None:
    """The snippet of the shop file parses as a part of one."""
    [snippet] = blocks(ROOT / "README.md", "toml")
    parts = PartsSettings.model_validate(tomllib.loads(snippet)["parts"])
    assert parts.pilot_technicians == ("Dana Whitfield",)


def test_the_first_steps_set_every_secret_that_the_example_names() -> None:
    """Who copies the example and does what the README says is not told by `check` that a secret is missing."""
    example = (ROOT / "docs" / "shop.example.toml").read_text(encoding="utf-8")
    settings = "\n".join(line.partition(" #")[0] for line in example.splitlines())
    steps = next(block for block in blocks(ROOT / "README.md", "sh") if "truckroll check" in block)
    exported = {
        name for line in re.findall(r"^export (.+)$", steps, re.MULTILINE) for name in re.findall(r"(\w+)=", line)
    }
    assert exported == set(re.findall(r"\$\{(\w+)\}", settings)) - {"NAME"}


def test_the_shortest_shop_file_works() -> None:
    """The guide's file is a whole one: every process finds the sections it needs, and secrets are references."""
    text, store = blocks(ROOT / "docs" / "guides" / "connect-a-shop.md", "toml")
    shop = parse_shop(tomllib.loads(text), "northside.toml")
    with_store = parse_shop({**tomllib.loads(text), **tomllib.loads(store)}, "northside.toml")
    assert with_store.need_contractor_commerce().products.enabled
    assert shop.need_servicetitan().client_secret.variable == "NORTHSIDE_ST_CLIENT_SECRET"
    assert shop.need_marcone().client_id.variable == "NORTHSIDE_MARCONE_CLIENT_ID"


def test_the_guides_defaults_are_the_defaults() -> None:
    """Names an admin must make, and numbers people plan by, as the code has them."""
    guide = (ROOT / "docs" / "guides" / "connect-a-shop.md").read_text(encoding="utf-8")
    defaults = PartsSettings()
    fields, form = defaults.diagnosis.custom_field, defaults.diagnosis.form
    for name in (
        defaults.field_part_status,
        defaults.field_part_eta,
        defaults.hold_reason,
        *fields.model_dump().values(),
        *form.model_dump().values(),
    ):
        assert name in guide
    loop = (ROOT / "docs" / "processes" / "parts-loop.md").read_text(encoding="utf-8")
    assert f"`max_quantity` ({defaults.max_quantity})" in loop
    assert f"`price_tolerance` ({100 * defaults.price_tolerance:.0f} %" in loop


def test_the_limits_are_said() -> None:
    """PL-42, PL-44: for whom it is not worth it, for whom it is made, and what is our own reading of Marcone."""
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for words in (
        "about 15 service calls a week",
        "without a job system",
        "trucks carry most parts",
        "about 4 to 50 people",
        "`[inferred]`",
    ):
        assert words in readme


def test_every_process_has_its_page() -> None:
    """The register, the foreground passes and the pages name the same processes."""
    names = {process.name for process in PROCESSES}
    assert names == set(PASSES) == {page.stem for page in PROCESS_PAGES}
    for process in PROCESSES:
        text = (ROOT / "docs" / "processes" / f"{process.name}.md").read_text(encoding="utf-8")
        assert f"`{'/'.join(process.entrypoint.split('.')[:-1])}.py`" in text
        if process.cron:
            minutes = process.cron.split()[0]
            when = f"every {minutes.removeprefix('*/')} minutes" if minutes.startswith("*/") else process.when
            assert when in text


@pytest.mark.parametrize("page", PROCESS_PAGES, ids=page_id)
def test_step_numbers_are_the_flows(page: Path) -> None:
    """The page's steps count from 1 without a gap, and the numbers in the flow's comments are among them."""
    steps = [int(number) for number in re.findall(r"^### (\d+)\. ", page.read_text(encoding="utf-8"), re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
    assert steps
    flow = (ROOT / "flows" / f"{page.stem.replace('-', '_')}.py").read_text(encoding="utf-8")
    numbered = re.findall(r"# (\d+\..*)$", flow, re.MULTILINE)
    said = {int(number) for comment in numbered for number in re.findall(r"(\d+)\.", comment)}
    assert said <= set(steps)
    if said:
        assert said == set(steps)


@pytest.mark.parametrize("page", PROCESS_PAGES, ids=page_id)
def test_every_process_page_has_its_parts(page: Path) -> None:
    """A picture, the vendor calls with their marks, what is held, and how a crash heals."""
    text = page.read_text(encoding="utf-8")
    for part in ("```mermaid", "## Vendor calls", "[spec]", "## What is held", "## After a crash"):
        assert part in text


def test_every_held_reason_is_in_the_guide() -> None:
    """Each list a record can be held on, and each field that can be named, is explained with what to do."""
    guide = (ROOT / "docs" / "guides" / "when-something-is-held.md").read_text(encoding="utf-8")
    lists, fields = held_lists_and_fields()
    assert {"parts-loop", "messages", "job-board", "eta-watch", "workers", "substitutions"} <= lists
    assert {"quantity", "part number", "order", "approval", "technician", "address"} <= fields
    for name in lists | fields:
        row = rf"\| (?:[^|]*, )?{re.escape(name)}(?:, [^|]*)? \|"
        assert re.search(rf"({row}|process \*{re.escape(name)}\*)", guide), name


def constants_of(tree: ast.Module) -> dict[str, object]:
    """The module's own names for texts and numbers."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }


def file_of(module: str) -> Path:
    """The file of a module or of a package."""
    folder = ROOT / module.replace(".", "/")
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def held_lists_and_fields() -> tuple[set[str], set[str]]:
    """What the code calls the lists (`held.hold(shop, LIST, ...)`) and the fields (`HeldError(why, fix, FIELD)`)."""
    lists: set[str] = set()
    fields: set[str] = set()
    for file in [found for folder in ("flows", "tasks", "store") for found in (ROOT / folder).glob("*.py")]:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        constants = constants_of(tree)
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module and re.match(r"(tasks|models)\.", node.module):
                other = constants_of(ast.parse(file_of(node.module).read_text("utf-8")))
                constants |= {one.asname or one.name: other[one.name] for one in node.names if one.name in other}
        for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
            called = ast.unparse(call.func)
            if called.endswith("held.hold"):
                lists.add(_text(call.args[1], constants))
            elif called.endswith("held.hold_in"):
                lists.add(_text(call.args[2], constants))
            elif called == "HeldError" and len(call.args) == 3:
                fields.add(_text(call.args[2], constants))
    return lists, fields


def _text(node: ast.expr, constants: dict[str, object]) -> str:
    value = constants.get(node.id) if isinstance(node, ast.Name) else getattr(node, "value", None)
    assert isinstance(value, str), f"a list or field that cannot be read: {ast.unparse(node)}"
    return value


def test_decisions_are_numbered_and_whole() -> None:
    """Each decision has status, date, context, decision, consequences, and a line in the list."""
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    contents = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        assert re.search(r"^Status: \w+\. Date: \d{4}-\d\d-\d\d\.$", text, re.MULTILINE)
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text
        assert page.name in contents


def test_every_dependency_is_explained() -> None:
    """docs/adr/0007 names each package pyproject.toml asks for."""
    page = (ROOT / "docs" / "adr" / "0007-dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for requirement in wanted:
        name = re.split(r"[\[<>=~! ]", requirement)[0]
        if not name.startswith("types-"):
            assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", page), name
