"""Entries in words."""

from django import template
from django.utils import translation

from billing.statements.files import choose_language
from billing.statements.words import find_word

register = template.Library()


@register.filter
def kind_name(kind: str) -> str:
    """What a kind of entry is called in the reader's language."""
    return find_word(choose_language(translation.get_language() or ""), kind)
