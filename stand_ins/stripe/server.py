"""The server: keys, idempotency, faults, and one transaction for each request."""

import base64
import binascii
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from stand_ins.stripe import API_VERSION, checkout, connect, control, pages
from stand_ins.stripe.call import Call, show
from stand_ins.stripe.due import run_due
from stand_ins.stripe.errors import Refusal
from stand_ins.stripe.events import Postman
from stand_ins.stripe.forms import parse_form
from stand_ins.stripe.lists import expand
from stand_ins.stripe.routes import find_route
from stand_ins.stripe.store import Store

KEY_LENGTH_MAX = 255
KEY_SECONDS = 86_400
BODY_BYTES_MAX = 1_000_000
JSON, HTML = "application/json", "text/html; charset=utf-8"
STATUS_HUNG_UP = 0


@dataclass(slots=True)
class Answer:
    """What is sent back; status 0 hangs up without a word."""

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    is_repeated: bool = True


@dataclass(slots=True)
class Asked:
    """What came in."""

    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]


class StandIn:
    """The stand-in without its sockets: answers requests."""

    def __init__(self, store: Store, *, key: str, keeps: bool = False) -> None:
        self.store, self.key, self.base, self._keeps = store, key, "", keeps
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        """Answer a request; nothing of another comes in between, but that it may be held up before."""
        identity = f"req_{uuid.uuid4().hex[:14]}"
        with self._claim(asked) as is_free:
            if is_free:
                time.sleep(control.take_pause(self.store, asked.method, asked.path))
                answer = self._answer_alone(asked)
            else:
                answer = refuse(
                    Refusal(
                        "Another request with this idempotency key is in progress.",
                        status=409,
                        kind="idempotency_error",
                        code="idempotency_key_in_use",
                    )
                )
        answer.headers["Request-Id"] = identity
        for header in ("Idempotency-Key", "Stripe-Account"):
            if header.lower() in asked.headers:
                answer.headers[header] = asked.headers[header.lower()]
        return answer

    @contextmanager
    def _claim(self, asked: Asked) -> Iterator[bool]:
        """Whether no other request with the same key is under way; while inside, this one is."""
        name = (asked.headers.get("stripe-account", ""), asked.headers.get("idempotency-key", ""))
        if asked.method != "POST" or not name[1]:
            yield True
            return
        with self._lock:
            is_free = name not in self._busy
            self._busy.add(name)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._busy.remove(name)

    def _answer_alone(self, asked: Asked) -> Answer:
        with self.store.transaction():
            run_due(self.store)
            try:
                if asked.path.startswith("/c/"):
                    return self._answer_page(asked)
                self._check_key(asked)
                if asked.path.startswith("/_control/"):
                    done = control.run_command(self.store, asked.path.removeprefix("/_control/"), asked.body)
                    run_due(self.store)
                    return write(200, show(done))
                return self._answer_call(asked)
            except Refusal as refusal:
                return refuse(refusal)

    def _check_key(self, asked: Asked) -> None:
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if given.startswith("Basic "):
            try:
                given = base64.b64decode(given[6:]).decode(errors="replace").split(":")[0]
            except binascii.Error:
                given = ""
        if not given:
            raise Refusal("You did not provide an API key.", status=401)
        if given != self.key:
            # Enough to see which one it was, and not enough to use it.
            raise Refusal(f"Invalid API Key provided: {given[:8]}****{given[-4:]}", status=401)
        version = asked.headers.get("stripe-version", API_VERSION)
        if version != API_VERSION:
            raise Refusal(f"Invalid Stripe API version: {version}. The stand-in speaks {API_VERSION}.")

    # --- the interface ----------------------------------------------------------------------------

    def _answer_call(self, asked: Asked) -> Answer:
        fault = control.take_fault(self.store, asked.method, asked.path)
        if fault is not None and not fault.get("acted"):
            return _fail(int(fault["status"]))
        key = asked.headers.get("idempotency-key", "")
        answer = self._answer_once(asked, key) if asked.method == "POST" and key else self._act(asked)
        if self._keeps:
            self.store.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?)",
                *(asked.method, asked.path, answer.status, answer.body.decode()),
            )
        return _fail(int(fault["status"])) if fault is not None else answer

    def _answer_once(self, asked: Asked, key: str) -> Answer:
        if len(key) > KEY_LENGTH_MAX:
            raise Refusal("Idempotency key is too long.", code="idempotency_key_too_long")
        account = asked.headers.get("stripe-account", "")
        request = hashlib.sha256(_put_in_order(asked).encode()).hexdigest()
        now = self.store.now()
        self.store.execute("DELETE FROM repeat WHERE created <= ?", now - KEY_SECONDS)
        rows = self.store.execute(
            "SELECT request, status, body FROM repeat WHERE account = ? AND key = ?", account, key
        )
        if rows:
            known, status, body = rows[0]
            if known != request:
                raise Refusal(
                    f"The key '{key}' was first used with other parameters. Take another for this one.",
                    kind="idempotency_error",
                )
            return Answer(status, body, headers={"Idempotent-Replayed": "true"})
        answer = self._act(asked)
        if answer.is_repeated:
            self.store.execute(
                "INSERT INTO repeat VALUES (?, ?, ?, ?, ?, ?)",
                *(account, key, request, answer.status, answer.body, now),
            )
        return answer

    def _act(self, asked: Asked) -> Answer:
        route = find_route(asked.method, asked.path)
        try:
            if route is None:
                raise Refusal(f"Unrecognized request URL ({asked.method}: {asked.path}).", status=404)
            account = asked.headers.get("stripe-account", "")
            if account and self.store.get("account", account) is None:
                raise Refusal(
                    f"The provided key does not have access to account '{account}'.",
                    status=403,
                    code="account_invalid",
                )
            handler, identities = route
            try:
                params = parse_form(asked.query if asked.method == "GET" else asked.body.decode())
            except ValueError as error:
                raise Refusal(f"Invalid request: {error}", is_repeated=False) from error
            call = Call(self.store, params, account, self.base)
            with self.store.attempt(kept=lambda error: isinstance(error, Refusal) and error.is_kept):
                found = json.loads(json.dumps(handler(call, *identities)))
                run_due(self.store)
                return write(200, show(expand(self.store, found, params.get("expand"))))
        except Refusal as refusal:
            return refuse(refusal)

    # --- the pages --------------------------------------------------------------------------------

    def _answer_page(self, asked: Asked) -> Answer:
        _, place, name, identity = [*asked.path.split("/", 3), "", ""][:4]
        form = {
            key: values[-1]
            for key, values in parse_qs(asked.body.decode(errors="replace")).items()
            if asked.method == "POST"
        }
        found = self.store.find(identity)
        kinds = {"pay": "checkout.session", "auth": "payment_intent", "onboard": "account_link"}
        if place != "c" or found is None or found["object"] != kinds.get(name):
            return Answer(404, pages.write_page("There is no such page", ""), HTML)
        if name == "pay":
            return self._pay(found, form)
        if name == "auth":
            return self._ask(found, form)
        return self._onboard(found, form)

    def _pay(self, session: dict[str, Any], form: dict[str, str]) -> Answer:
        if session["status"] != "open":
            return Answer(410, pages.write_page("This page is closed", ""), HTML)
        if not form:
            intent = self.store.find(session["payment_intent"] or "") or {}
            failed = intent.get("last_payment_error") or {}
            return Answer(200, pages.write_checkout(session, wrong=failed.get("message", "")), HTML)
        try:
            intent = checkout.pay(
                self.store,
                session,
                kind=form.get("kind", ""),
                number=form.get("number", ""),
                base=self.base,
            )
        except Refusal as refusal:
            return Answer(402, pages.write_checkout(session, wrong=str(refusal)), HTML)
        if intent["status"] == "requires_action":
            return redirect(f"{self.base}/c/auth/{intent['id']}")
        return redirect(self._find_return(session))

    def _ask(self, intent: dict[str, Any], form: dict[str, str]) -> Answer:
        method = self.store.find(intent["payment_method"] or "")
        if intent["status"] != "requires_action" or method is None:
            return Answer(410, pages.write_page("Nothing is asked here any more", ""), HTML)
        if not form:
            return Answer(200, pages.write_question(intent, method["type"]), HTML)
        session = self.store.find(intent.get("_session") or "")
        try:
            checkout.answer(self.store, intent, form.get("decision", ""))
        except Refusal as refusal:
            if session is not None:
                return redirect(f"{self.base}/c/pay/{session['id']}")
            return Answer(402, pages.write_page(str(refusal), ""), HTML)
        back = self._find_return(session) if session else intent.get("_return_url")
        return redirect(back) if back else Answer(200, pages.write_page("Done", ""), HTML)

    def _find_return(self, session: dict[str, Any]) -> str:
        return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])

    def _onboard(self, link: dict[str, Any], form: dict[str, str]) -> Answer:
        if not connect.use_link(self.store, link, answers=bool(form)):
            return redirect(link["_refresh_url"])
        if not form:
            return Answer(
                200, pages.write_onboarding(connect.find_account(self.store, link["_account"])), HTML
            )
        if form.get("state") != "later":
            connect.move_account(self.store, link["_account"], form.get("state", ""))
        return redirect(link["_return_url"])


def write(status: int, body: Any) -> Answer:
    """An answer as JSON."""
    return Answer(status, json.dumps(body, indent=2).encode())


def refuse(refusal: Refusal) -> Answer:
    """A refusal as JSON; without a key there is nothing that a challenge could be answered with but one."""
    answer = write(refusal.status, {"error": show(refusal.error)})
    answer.is_repeated = refusal.is_repeated
    if refusal.status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="Stripe"'
    return answer


def redirect(address: str) -> Answer:
    """Send a browser elsewhere."""
    return Answer(303, kind=HTML, headers={"Location": address})


def _fail(status: int) -> Answer:
    if status == STATUS_HUNG_UP:
        return Answer(status)
    if status == 429:
        return refuse(Refusal("Too many requests.", status=429, code="rate_limit"))
    message = "Something went wrong." if status == 500 else "The stand-in was asked to fail."
    return refuse(Refusal(message, status=status, kind="api_error"))


def _put_in_order(asked: Asked) -> str:
    """Where a request goes and what it says, the same for every order of its parameters."""
    try:
        said = json.dumps(parse_form(asked.body.decode()), sort_keys=True)
    except ValueError:
        said = repr(asked.body)
    return f"{asked.path}\n{said}"


def make_server(stand_in: StandIn, address: tuple[str, int]) -> ThreadingHTTPServer:
    """A server for the stand-in, at an address; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "StripeStandIn"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_BYTES_MAX:
                self.close_connection = True
                self._send(refuse(Refusal("Too large.", status=413)))
                return
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            answer = stand_in.answer(Asked(self.command, url.path, url.query, body, headers))
            if answer.status == STATUS_HUNG_UP:
                self.close_connection = True
                return
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Stripe-Version", API_VERSION)
            if answer.status >= 500 or answer.status in (409, 429):
                self.send_header("Stripe-Should-Retry", "true")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing: the caller tells what went wrong."""

    server = ThreadingHTTPServer(address, Handler)
    server.daemon_threads = True
    return server


def run(server: ThreadingHTTPServer, store: Store) -> None:
    """Serve, and deliver webhooks, until interrupted."""
    postman = Postman(store)
    postman.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return
    finally:
        postman.close()
        server.server_close()
