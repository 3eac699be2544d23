"""
What providers agree to before the platform issues invoices in their name.

A text that somebody agreed to keeps its words: other words are another version.
"""

import hashlib
from collections.abc import Mapping

CURRENT = "1"
ENGLISH = """\
Agreement on self-billing, version 1

1. You sell computing and heat to the operating company of this exchange that keeps your books, at the price
that buyers are charged less the share of the exchange.
2. That company issues the invoices for it in your name, and credit notes over what is taken back. You issue
none of your own for the same.
3. There is one invoice for each payout, once it is paid. It speaks of everything that you sold and that was
not paid out before you agreed. If a payout comes back, its invoice is undone by a credit note, and the next
payout that is paid has another.
4. Name, address, country and tax number are taken from your billing profile. You keep them right, and say at
once if you are no longer registered for tax. Without a tax number no tax is put on your invoices.
5. Tax that an invoice bears is owed to you with the next payout. You declare it.
6. Look at each invoice; what you do not contest within 30 days is accepted.
7. You may end this at any time for payouts that are planned after it. Invoices that were issued stay.
"""
CHINESE = """\
自开票（由购买方代开发票）协议，第 1 版

1. 您按向买家收取的价格扣除平台分成后的金额，向负责您账目的本平台运营公司出售算力和供热。
2. 该公司以您的名义就此开具发票，并就扣回部分开具贷项通知。您不再就同一业务自行开票。
3. 每笔付款在付讫后开具一张发票，涵盖您出售的、且在您同意之前尚未付出的全部金额。
如付款被退回，其发票由贷项通知冲销，由下一笔付讫的付款重新开具。
4. 名称、地址、国家和税号取自您的开票资料。您须保持其正确；如不再登记纳税，须立即告知。
没有税号的，发票不含税款。
5. 发票所含税款随下一笔付款支付给您，由您申报。
6. 请核对每张发票；30 天内未提出异议的视为接受。
7. 您可随时终止本协议，对此后安排的付款生效。已开具的发票继续有效。
"""
TEXTS: Mapping[str, Mapping[str, str]] = {"1": {"en": ENGLISH, "zh-hans": CHINESE}}


def find_text(*, version: str, language: str) -> str:
    """Its words in a language; in English where there are none."""
    texts = TEXTS[version]
    return texts.get(language, texts["en"])


def hash_text(*, version: str) -> str:
    """SHA-256 of a version in all its languages."""
    whole = "\n".join(f"{language}\n{text}" for language, text in sorted(TEXTS[version].items()))
    return hashlib.sha256(whole.encode()).hexdigest()
