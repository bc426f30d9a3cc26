"""Answers of studies are kept under all that they rest on, and questions have lanes that do not block each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.studio import kept as kept_module
from penstock.studio.kept import MOST_KEPT, kept
from penstock.studio.place import Place
from penstock.studio.tasks import TASKS
from penstock.studio.workers import ENGINE_FREE, PATH_QUESTIONS, RUN_QUESTIONS, SUBJECTS, Workshop, subject_of


def test_a_study_is_made_once_for_what_it_rests_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, made = Place(tmp_path), []

    def answer(facts: list[Any]) -> Any:
        return kept(place, "breaking", facts, lambda: made.append(facts) or {"facts": facts})

    assert answer(["oracle", 8]) == answer(["oracle", 8]) == {"facts": ["oracle", 8]}
    assert made == [["oracle", 8]]
    answer(["oracle", 9])
    assert len(made) == 2
    monkeypatch.setattr(kept_module, "package_hash", lambda: "changed source")
    answer(["oracle", 8])
    assert len(made) == 3, "a changed model is asked again"


def test_a_broken_file_is_made_again_and_old_ones_go(tmp_path: Path) -> None:
    place = Place(tmp_path)
    kept(place, "breaking", ["first"], lambda: {"kept": 1})
    file = next(place.cache.glob("breaking-*.json"))
    file.write_text("{", encoding="utf-8")
    assert kept(place, "breaking", ["first"], lambda: {"kept": 2}) == {"kept": 2}
    for number in range(MOST_KEPT + 3):
        kept(place, "breaking", [number], lambda: {})
    assert len(list(place.cache.glob("*.json"))) == MOST_KEPT


def test_a_plan_of_power_and_a_path_of_a_run_hold_up_no_other_question(tmp_path: Path) -> None:
    class Asked:
        def __init__(self) -> None:
            self.tasks: list[str] = []

        @property
        def load(self) -> int:
            return len(self.tasks)

        def put(self, job: Any) -> None:
            self.tasks.append(job.task)

    workshop = Workshop(Place(tmp_path), lanes=1)
    try:
        lanes = {subject: [Asked() for _ in range(most)] for subject, most in SUBJECTS.items()}
        workshop._questions, whole = lanes, workshop._questions  # type: ignore[assignment]
        workshop.ask("1", "site_power", {"site": "x", "load_mw": None})
        workshop.ask("2", "token", {"power": "plan"})
        workshop.ask("3", "token", {"power": ""})
        workshop.ask("4", "cascade", {"run": "x"})
        workshop.ask("5", "circularity", {})
        workshop.ask("6", "summary", {"run": "x"})
        # one slow plan does not hold up the next
        assert [lane.tasks for lane in lanes["power"]] == [["site_power"], ["token"]]
        assert [lane.tasks for lane in lanes["paths"]] == [["cascade"]]
        assert [lane.tasks for lane in lanes["runs"]] == [["summary"]]
        assert [lane.tasks for lane in lanes["world"]] == [["token", "circularity"]]
        workshop._questions = whole
    finally:
        workshop.close()
    assert set(RUN_QUESTIONS) < set(TASKS)
    assert set(PATH_QUESTIONS) < set(TASKS)
    assert set(ENGINE_FREE) < set(TASKS)
    assert {subject_of(task, {}) for task in TASKS} == set(SUBJECTS)


def test_the_engine_is_compiled_once_and_what_needs_it_waits(tmp_path: Path) -> None:
    workshop = Workshop(Place(tmp_path))
    try:
        assert workshop.engine()["ready"], "who asks for no compiling waits for none"
        workshop.compile()
        assert not workshop.engine()["ready"]
        job = workshop.submit("unknown", {}, "needs the engine")
        question = workshop.ask("1", "summary", {"run": "none"})
        assert not question.finished.wait(0.3)
        assert "being compiled" in question.note
        assert workshop.processes() == [workshop._lanes[0].pid], "nobody compiles the same beside it"
        assert job.finished.wait(240) and question.finished.wait(60)
        assert workshop.engine()["ready"]
        assert (job.state, question.state) == ("failed", "failed"), "there is no such task, and no such run"
    finally:
        workshop.close()
    again = Workshop(Place(tmp_path))
    again.compile()
    assert again.engine() == {"ready": True, "kernels": 0, "elapsed_s": 0.0}, "what was compiled is not asked again"
    again.close()
