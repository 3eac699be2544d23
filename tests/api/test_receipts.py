"""What the exchange gives out proves receipts to anybody, with the agent's own command."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from accounts.models import AgentToken
from agent import cli, receipts
from agent.exits import Exit
from tests.agent.test_receipts import STATEMENT, open_journal
from tests.api.conftest import Farm, make_client, sign_in
from workers.models import Receipt

# None of the estate's own is of this tier.
TIER = "counter"


@pytest.fixture
def signed(estate: Farm, tmp_path: Path) -> str:
    """The estate's node has signed five receipts; gives the node's uid."""
    node = estate.stand.node
    identity = receipts.load_identity(state=tmp_path)
    journal = open_journal(tmp_path)
    AgentToken.objects.filter(pk=node.agent_token_id).update(public_key=identity.public)
    for number in range(1, 6):
        span = timedelta(seconds=number)
        said = replace(
            STATEMENT,
            attempt_uid=str(UUID(int=number)),
            ended_at=STATEMENT.ended_at + span,
            microjoules=1_000_001 * number,
            tier=TIER,
        )
        one = journal.append(said)
        Receipt.objects.create(
            attempt_uid=said.attempt_uid,
            node=node,
            body=one.body,
            signature=one.signature,
            key_id=identity.key_id,
            nonce=b"n",
            claim_in=10,
            claim_out=0,
            joules=Decimal(said.microjoules) / 1_000_000,
            tier=TIER,
            started_at=said.started_at,
            ended_at=said.ended_at,
            received_at=said.ended_at,
        )
    journal.close()
    return str(node.uid)


def test_what_is_given_out_proves_itself(
    estate: Farm, signed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages, address = [], f"/api/nodes/{signed}/receipts?page_size=2&tier={TIER}"
    while address:
        pages.append(sign_in(estate.owner).get(address).json())
        address = pages[-1]["next"]
    # Anybody may ask for the key.
    told = make_client().get(f"/api/nodes/{signed}/keys")
    assert told.status_code == 200
    files = [tmp_path / f"page-{number}.json" for number in range(len(pages))]
    for file, page in zip(files, pages, strict=True):
        file.write_text(json.dumps(page))
    key = tmp_path / "keys.json"
    key.write_text(json.dumps(told.json()))

    good = cli.main(["verify", *map(str, files), "--key", str(key), "--count", "5"])
    capsys.readouterr()
    without = cli.main(["verify", str(files[0]), str(files[2]), "--key", str(key)])

    assert good == Exit.DRAINED
    assert without == Exit.NOT_PROVEN
    assert "which is missing" in capsys.readouterr().err


def test_a_node_that_is_not_there_has_no_keys(estate: Farm) -> None:
    assert make_client().get(f"/api/nodes/{UUID(int=9)}/keys").status_code == 404
