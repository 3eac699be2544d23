"""What a file is, is told by its content."""

import pytest

from core.files import Bounds, WrongFile, find_kind, name_file, read_file


def make_png(text: bytes = b"") -> bytes:
    """The frame of a PNG with something in it."""
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + text + b"\x00\x00\x00\x00IEND\xaeB`\x82"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (make_png(), "image/png"),
        (make_png()[:20], None),
        (b"\xff\xd8\xff\xe0 JFIF \xff\xd9", "image/jpeg"),
        (b"\xff\xd8\xff\xe0 cut off", None),
        (b"%PDF-1.7\n...\n%%EOF\n", "application/pdf"),
        (b"%PDF-1.7 cut off", None),
        (b'{"prompt": "Which capital?"}', "application/json"),
        (b"[" * 100_000, "text/plain"),
        (b"{not json}", "text/plain"),
        ("巴黎\n\tParis".encode(), "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"MZ\x90\x00", None),
        (b"\x1f\x8b\x08", None),
        (b"a\x00b", None),
        (" \n".encode("utf-8-sig"), None),
    ],
)
def test_a_kind_is_told_by_the_content(content: bytes, kind: str | None) -> None:
    assert find_kind(content) == kind


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shot.png", "image/png", "shot.png"),
        ("shot.PNG", "image/png", "shot.PNG"),
        ("page.html", "text/plain", "page.html.txt"),
        ("C:\\temp\\..\\a.log", "text/plain", "a.log"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("\u202egnp.exe", "image/jpeg", "gnp.exe.jpg"),
        ('x"\r\nSet-Cookie: a=b.pdf', "application/pdf", "xSet-Cookie a=b.pdf"),
        (".json", "application/json", "json.json"),
        ("", "application/json", "evidence.json"),
        ("长" * 200, "text/plain", "长" * 96 + ".txt"),
    ],
)
def test_a_name_is_made_safe_and_ends_as_its_kind(name: str, kind: str, expected: str) -> None:
    assert name_file(name, kind, called="evidence") == expected


PAPERS = Bounds(kinds=("image/png",), bytes_max=1000, count_max=1, called="paper")


@pytest.mark.parametrize("content", [b"", make_png(b"a" * 1000), b"\x00", b"text"])
def test_a_wrong_file_is_refused(content: bytes) -> None:
    assert read_file(name="../a", content=make_png(), bounds=PAPERS).name == "a.png"
    with pytest.raises(WrongFile):
        read_file(name="a.png", content=content, bounds=PAPERS)
