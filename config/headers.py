"""What pages may ask the browser for: nothing but passkeys."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

NOTHING = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "usb")
PASSKEYS = ("publickey-credentials-create", "publickey-credentials-get")
POLICY = ", ".join([*(f"{name}=()" for name in NOTHING), *(f"{name}=(self)" for name in PASSKEYS)])


class PermissionsPolicy:
    """Middleware: say so with every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        answer.headers.setdefault("Permissions-Policy", POLICY)
        return answer
