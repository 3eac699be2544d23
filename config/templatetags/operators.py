"""What a list of the operators' admin says when it is empty."""

from typing import Any

from django import template
from django.contrib.admin.views.main import ChangeList
from django.urls import reverse

from config.empty import EMPTY

register = template.Library()


@register.inclusion_tag("config/empty.html")
def say_empty(cl: ChangeList, may_add: bool | str = False) -> dict[str, Any]:
    """What would be listed, how the first row comes, and where one goes for it; or that nothing fits."""
    known = EMPTY.get(cl.model._meta.label_lower)
    # The page itself says who may.
    step = known.step if known else None
    if may_add and step is None:
        step = (f"Add {cl.opts.verbose_name}", f"{cl.opts.app_label}_{cl.opts.model_name}_add")
    return {
        "is_narrowed": bool(cl.query or cl.has_active_filters),
        "about": (cl.model_admin.__doc__ or "").partition("\n\n")[0].strip(),
        "text": known.text if known else "",
        "step": step and {"name": step[0], "url": reverse(f"admin:{step[1]}")},
    }
