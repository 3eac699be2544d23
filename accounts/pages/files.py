"""Files in forms of pages."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from core import files
from core.files import Bounds, CheckedFile, WrongFile

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile


class FilesInput(forms.FileInput):
    """Several files at once."""

    allow_multiple_selected = True


class FilesField(forms.Field):
    """Files within bounds, looked at by their content."""

    widget = FilesInput

    def __init__(self, *, bounds: Bounds, **options: Any) -> None:
        self.bounds = bounds
        super().__init__(**options)
        self.widget.attrs["accept"] = ",".join(bounds.suffixes)

    def clean(self, value: Any) -> list[CheckedFile]:
        """
        The files that were sent.

        :raises django.forms.ValidationError: if one is of no kind that is taken, or there are too many
        """
        given = [one for one in value or () if one]
        if self.required and not given:
            raise forms.ValidationError(self.error_messages["required"])
        if len(given) > self.bounds.count_max:
            raise forms.ValidationError(_("%(count)s files at most.") % {"count": self.bounds.count_max})
        return [self._read(one) for one in given]

    def _read(self, given: "UploadedFile[bytes]") -> CheckedFile:
        content = given.read(self.bounds.bytes_max + 1)
        try:
            return files.read_file(name=given.name or "", content=content, bounds=self.bounds)
        except WrongFile as refusal:
            why = _("%(name)s is none of these kinds (%(kinds)s), is empty, or has more than %(size)s MB.")
            told = {"name": given.name, "kinds": self.bounds.words, "size": self.bounds.megabytes}
            raise forms.ValidationError(why % told) from refusal
