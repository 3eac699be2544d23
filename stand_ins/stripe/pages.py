"""Pages that people click through. Each says in big letters that it is a stand-in."""

from html import escape

from stand_ins.stripe import rates
from stand_ins.stripe.store import Body

NAMES = {"card": "Card", "alipay": "Alipay", "wechat_pay": "WeChat Pay", "crypto": "Stablecoin"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
.notice { background: #7a1f00; color: #fff; padding: 1rem; font-size: 1.3rem; font-weight: 700 }
.wrong { color: #a40000; font-weight: 700 }
fieldset { border: 1px solid #767676; margin: 1rem 0 }
label { display: block; margin: .5rem 0 }
input { font: inherit }
button { font: inherit; padding: .6rem 1.2rem; margin: .3rem .3rem .3rem 0; cursor: pointer }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>{style}</style></head>
<body><main><p class="notice">STAND-IN FOR STRIPE. No money moves here.<br>
这里是 Stripe 的替身，不会动用任何资金。</p>
<h1>{title}</h1>{content}</main></body></html>"""


def write_page(title: str, content: str) -> bytes:
    """A whole page."""
    return PAGE.format(title=escape(title), style=STYLE, content=content).encode()


def write_amount(amount: int, currency: str) -> str:
    """An amount for people: `12.34 USD`."""
    return f"{rates.to_units(amount, currency)} {currency.upper()}"


def write_checkout(session: Body, *, wrong: str = "") -> bytes:
    """The page where a buyer pays."""
    ways = "".join(
        f'<label><input type="radio" name="kind" value="{kind}"{" checked" if number == 0 else ""}> '
        f"{NAMES[kind]}</label>"
        for number, kind in enumerate(session["payment_method_types"])
    )
    card = """<label>Card number <input name="number" inputmode="numeric" autocomplete="off" maxlength="23"
      value="4242 4242 4242 4242"></label>
      <p>4242 4242 4242 4242 pays; 4000 0000 0000 0002 is declined; 4000 0025 0000 3155 asks the bank first;
      4000 0000 0000 0259 is contested later.</p>"""
    cancel = session["cancel_url"]
    content = f"""<p>{write_amount(session["amount_total"], session["currency"])}</p>
      {f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""}
      <form method="post"><fieldset><legend>How to pay</legend>{ways}
      {card if "card" in session["payment_method_types"] else ""}</fieldset>
      <button type="submit">Pay</button></form>
      {f'<p><a href="{escape(cancel)}">Back without paying</a></p>' if cancel else ""}"""
    return write_page("Pay", content)


def write_question(intent: Body, kind: str) -> bytes:
    """The page of the bank, or of the other app."""
    asks = "Your bank asks" if kind == "card" else NAMES[kind]
    later = '<button name="decision" value="later">Agree, money arrives later</button>'
    content = f"""<p>Pay {write_amount(intent["amount"], intent["currency"])}?</p>
      <form method="post"><button name="decision" value="agree">Agree</button>
      <button name="decision" value="refuse">Refuse</button>{later if kind != "card" else ""}</form>"""
    return write_page(asks, content)


def write_onboarding(account: Body) -> bytes:
    """The page where somebody who is to be paid tells who they are."""
    choices = {
        "enabled": "Tell everything",
        "no_bank": "Tell everything but a bank account",
        "verifying": "Tell everything, to be checked",
        "restricted": "Tell everything, a document is asked for",
        "later": "Leave, and come back later",
    }
    buttons = "".join(
        f'<button name="state" value="{value}">{text}</button>' for value, text in choices.items()
    )
    return write_page(
        "Onboarding", f'<p>Account {escape(account["id"])}</p><form method="post">{buttons}</form>'
    )
