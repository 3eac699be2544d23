"""Nothing is too long to hold in the head. An exception needs a reason beside it."""

import ast
from pathlib import Path

FILE_LINES_MAX, FUNCTION_LINES_MAX = 400, 60
REPOSITORY = Path(__file__).parent.parent
FOLDERS = (
    *("accounts", "agent", "benchmarks", "billing", "config", "core", "gateway", "marketplace", "tests"),
    *("stand_ins", "workers"),
)


def python_files() -> list[Path]:
    found = (path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(REPOSITORY)): path.read_text().count("\n") for path in python_files()}

    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_too_long() -> None:
    too_long = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno >= FUNCTION_LINES_MAX:
                    too_long.append(f"{path.relative_to(REPOSITORY)}:{node.lineno} {node.name}")

    assert too_long == []
