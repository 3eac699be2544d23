"""How names are compared with lists of sanctions."""

import pytest

from billing.compliance.names import Listed, compare, split_words

LIST = [
    Listed(name, split_words(name), "sample")
    for name in ("Zorvax Energy Trading", "Ivar Quillfeather", "Брандштейн Групп", "Müller & Söhne GmbH")
]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ZORVAX Energy Trading Ltd", "Zorvax Energy Trading"),
        ("Trading, Energy (Zorvax)", "Zorvax Energy Trading"),
        ("Zorvaks Energy Trading", "Zorvax Energy Trading"),
        ("Quillfeather Ívar", "Ivar Quillfeather"),
        ("брандштейн ГРУПП", "Брандштейн Групп"),
        ("Muller Sohne", "Müller & Söhne GmbH"),
    ],
)
def test_the_same_party_is_found_however_it_is_written(name: str, nearest: str) -> None:
    found = compare(name, LIST)

    assert found.is_hit
    assert found.nearest is not None
    assert found.nearest.name == nearest


@pytest.mark.parametrize("name", ["Sun Farm", "Energy Lab", "Ivar Trading", "Quillfeather", "太阳能农场", ""])
def test_another_party_is_not(name: str) -> None:
    assert not compare(name, LIST).is_hit
