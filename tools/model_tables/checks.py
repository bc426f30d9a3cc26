"""What is checked: files of tests, what each test holds, exceptions of security, locked packages."""

from __future__ import annotations

import ast
import runpy

from tools.model_tables.markdown import ROOT, empty, table


def tests(folder: str) -> str:
    """Test files of a folder and the folders in it, and what each holds."""
    body = []
    for path in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        body.append((f"`{path.relative_to(ROOT).as_posix()}`", said.split("\n\n")[0]))
    return table(("file", "what must hold"), body) if body else empty("no test here yet")


def held(*files: str) -> str:
    """What each test of some files says, in words."""
    body = []
    for name in files:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for one in tree.body:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                words = one.name.removeprefix("test_").replace("_", " ")
                body.append((words[:1].upper() + words[1:], f"`{name}`"))
    return table(("what must hold", "where"), body)


def exceptions_of_security() -> str:
    """Source files that may do what the check of the source forbids, from that check itself."""
    tree = ast.parse((ROOT / "tests/house/test_security.py").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = next(
        ast.literal_eval(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and getattr(one.targets[0], "id", "") == "EXCEPTIONS"
    )
    return table(("file", "what it may do"), [(f"`{name}`", ", ".join(sorted(what))) for name, what in found.items()])


def locked_parts() -> str:
    """How many packages and files are locked, and under which licences packages may be."""
    supply = runpy.run_path(str(ROOT / "tools" / "supply_chain.py"))
    parts = supply["bill_of_materials"]()["components"]
    body = []
    for what, some in (
        ("a base installation", [part for part in parts if part["scope"] == "required"]),
        ("all extras, development and benchmarks", parts),
    ):
        files = [file for part in some for file in part["externalReferences"]]
        hashed = sum(any(one["alg"] == "SHA-256" for one in file["hashes"]) for file in files)
        body.append((what, f"{len(some):,}", f"{len(files):,}", f"{hashed:,}"))
    allowed = ", ".join(sorted(supply["ALLOWED"]))
    head = ("locked for", "packages", "files", "of them with a SHA-256 hash")
    return table(head, body, right=(1, 2, 3)) + f"\nLicences that may be installed: {allowed}.\n"
