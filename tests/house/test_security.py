"""Source has no way in for foreign code; dependencies are locked, under known licences, and listed."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from email.message import Message
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOOKED_AT = ("src", "tools", "benchmarks", "examples")

FORBIDDEN_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "pty", "telnetlib"}
FORBIDDEN_BUILTINS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "pd.read_pickle",
    "pandas.read_pickle", "yaml.load", "yaml.unsafe_load", "np.loads",
}  # fmt: skip
FORBIDDEN_METHODS = {"to_pickle", "read_pickle"}
DANGEROUS_FLAGS = {"shell", "allow_pickle"}

EXCEPTIONS = {
    # work is sent to our own worker processes as multiprocessing does; the file lies in a directory of this user
    # alone (mode 0700) and is gone when the pool is
    "src/penstock/engine/executors.py": {"module pickle"},
}


def findings(text: str) -> set[str]:
    """What a source file does that it must not."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            found |= {f"module {name}" for name in names & FORBIDDEN_MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FORBIDDEN_MODULES:
            found.add(f"module {node.module.split('.')[0]}")
        elif isinstance(node, ast.Call):
            found |= set(_of_call(node))
    return found


def _of_call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    found = []
    if name in FORBIDDEN_BUILTINS or name in FORBIDDEN_CALLS or name.rpartition(".")[2] in FORBIDDEN_METHODS:
        found.append(f"call {name}")
    for keyword in node.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in DANGEROUS_FLAGS and not off:
            found.append(f"flag {keyword.arg}")
    return found


def sources() -> list[Path]:
    return [path for start in LOOKED_AT for path in sorted((ROOT / start).rglob("*.py"))]


def test_no_source_unpickles_evaluates_or_calls_a_shell() -> None:
    assert len(sources()) > 300
    told = {}
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if rest := findings(path.read_text(encoding="utf-8")) - EXCEPTIONS.get(name, set()):
            told[name] = sorted(rest)
    assert told == {}


def test_every_exception_is_still_needed() -> None:
    for name, allowed in EXCEPTIONS.items():
        assert allowed <= findings((ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import pickle", "module pickle"),
        ("from cloudpickle import loads", "module cloudpickle"),
        ("eval('1')", "call eval"),
        ("exec(code)", "call exec"),
        ("subprocess.run(line, shell=True)", "flag shell"),
        ("subprocess.run(line, shell=wanted)", "flag shell"),
        ("np.load(file, allow_pickle=True)", "flag allow_pickle"),
        ("os.system('ls')", "call os.system"),
        ("frame.to_pickle('x')", "call frame.to_pickle"),
    ],
)
def test_the_check_sees_what_it_is_for(text: str, told: str) -> None:
    assert told in findings(text)


def test_the_check_lets_plain_code_pass() -> None:
    assert findings("subprocess.run(['ls'], shell=False)\nre.compile('x')\nmodel.eval()\nnp.load(f)") == set()


# ------------------------------------------------------------------ supply chain


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("supply_chain", ROOT / "tools" / "supply_chain.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["supply_chain"] = module
    spec.loader.exec_module(module)
    return module


def test_every_requirement_has_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        assert lines and all("==" in line and "--hash=sha256:" in line for line in lines), name


def test_licences_of_installed_dependencies_are_allowed(tool: ModuleType) -> None:
    refused, absent = tool.refused_licences(tool.locked())
    assert refused == []
    assert not {"numpy", "scipy", "pandas", "duckdb", "pydantic", "typer"} & set(absent)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"License-Expression": "BSD-3-Clause AND (MIT OR Zlib)"}, {"BSD-3-Clause", "MIT", "Zlib"}),
        ({"License-Expression": "GPL-3.0-or-later"}, {"GPL-3.0-or-later"}),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, {"BSD"}),
        ({"Classifier": "License :: OSI Approved", "License": "MPL-2.0 AND MIT"}, {"MPL-2.0", "MIT"}),
        ({"License": "MIT License\n\nCopyright"}, set()),
        ({}, set()),
    ],
)
def test_a_licence_is_read_from_what_a_package_tells(fields: dict[str, str], names: set[str], tool: ModuleType) -> None:
    metadata = Message()
    for key, value in fields.items():
        metadata[key] = value.replace("\n", "\n ")
    assert tool.licence_names(metadata) == names


def test_a_licence_outside_the_list_is_refused(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tool.locked()
    monkeypatch.setattr(tool, "ALLOWED", tool.ALLOWED - {"BSD", "BSD-3-Clause"})
    assert any(line.startswith("numpy: found BSD-3-Clause; expected only") for line in tool.refused_licences(parts)[0])


def test_the_list_of_parts_names_every_locked_package(tool: ModuleType, tmp_path: Path) -> None:
    assert tool.main(["sbom", "--out", str(tmp_path / "one.json")]) == 0
    assert tool.main(["sbom", "--out", str(tmp_path / "two.json")]) == 0
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    bill = json.loads((tmp_path / "one.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    references = [part["bom-ref"] for part in bill["components"]]
    assert len(set(references)) == len(references) == len(tool.locked())
    known = {*references, bill["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in bill["dependencies"]} == known
    assert all(set(one["dependsOn"]) <= known for one in bill["dependencies"])
    for part in bill["components"]:
        files = part["externalReferences"]
        assert files and all(re.fullmatch("[0-9a-f]{64}", file["hashes"][0]["content"]) for file in files)
    scope = {part["name"]: part["scope"] for part in bill["components"]}
    assert scope["numpy"] == scope["llvmlite"] == "required" and scope["pypsa"] == scope["pytest"] == "optional"
