"""Static files under ASGI: read whole, because Django reads a file's pieces one by one and complains."""

from collections.abc import Callable

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase


class WholeFiles:
    """Middleware around WhiteNoise, whose files are small and cached by browsers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if not isinstance(answer, FileResponse):
            return answer
        whole = HttpResponse(b"".join(answer.streaming_content), status=answer.status_code)  # type: ignore[arg-type]
        whole.headers = answer.headers
        answer.close()
        return whole
