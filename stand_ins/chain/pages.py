"""A page from which a browser sends what only looks like USDC, and says so in big letters."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from html import escape

from stand_ins.chain.blocks import Chain

HTML = "text/html; charset=utf-8"
WALLET = "0x00000000000000000000000000000000000000aa"
"""Whose money it is: nobody's."""
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
UNITS = 1_000_000
"""USDC has six places."""
MOST = Decimal(10**12)
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
.notice { background: #7a1f00; color: #fff; padding: 1rem; font-size: 1.3rem; font-weight: 700 }
.wrong { color: #a40000; font-weight: 700 }
label { display: block; margin: .75rem 0 }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .4rem }
button { font: inherit; padding: .6rem 1.2rem; cursor: pointer }
code { overflow-wrap: anywhere }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{style}</style></head>
<body><main><p class="notice">STAND-IN FOR A CHAIN. Nothing here is worth anything.<br>
这里是区块链的替身，一切都没有价值。</p>
<h1>{title}</h1>{content}</main></body></html>"""


def write_page(title: str, content: str) -> bytes:
    """A whole page."""
    return PAGE.format(title=escape(title), style=STYLE, content=content).encode()


def write_wallet(chain: Chain, asked: Mapping[str, str], *, wrong: str = "") -> bytes:
    """What chain this is, and a form that sends; `asked` fills it."""
    to, amount = escape(asked.get("to", "")), escape(asked.get("amount", "25"))
    content = f"""<p>Chain {chain.chain_id}, block {chain.head.number}, USDC <code>{chain.token}</code></p>
      {f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""}
      <form method="post" action="/send"><label>To <input name="to" value="{to}" required></label>
      <label>USDC <input name="amount" inputmode="decimal" value="{amount}" required></label>
      <button type="submit">Send</button></form>"""
    return write_page("Send USDC", content)


def write_sent(transaction: str, form: Mapping[str, str]) -> bytes:
    """That it waits for the next block."""
    amount, to = escape(form["amount"]), escape(form["to"])
    content = f"""<p>{amount} USDC to <code>{to}</code> wait for the next block.</p>
      <p>Transaction <code>{escape(transaction)}</code></p><p><a href="/">Send more</a></p>"""
    return write_page("Sent", content)


def read_form(form: Mapping[str, str]) -> tuple[str, int]:
    """
    To whom, and how many millionths.

    :raises ValueError: for what is no address or no amount
    """
    to, text = form.get("to", "").strip(), form.get("amount", "").strip()
    if not ADDRESS.fullmatch(to):
        raise ValueError("This is no address.")
    try:
        units = Decimal(text) * UNITS
    except InvalidOperation:
        units = Decimal("NaN")
    if not (units.is_finite() and 0 < units <= MOST and units == units.to_integral_value()):
        raise ValueError("This is no amount of USDC.")
    return to, int(units)
