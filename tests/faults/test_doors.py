"""Every address at which a model is asked, through a real relay and agent, up to what the agent signs."""

import base64
from typing import Any

import httpx
import openai
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.faults.plant import Plant, wait_until
from tests.faults.seed import MODEL


def ask(client: openai.OpenAI, door: str) -> Any:
    if door == "chat":
        said = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "noon"}])
        assert said.choices[0].message.content
        return said.usage
    if door == "completions":
        written = client.completions.create(model=MODEL, prompt=["noon", "night"], max_tokens=4)
        assert len(written.choices) == 2
        return written.usage
    made = client.embeddings.create(model=MODEL, input=["noon", "night"])
    assert len(made.data) == 2
    return made.usage


@pytest.mark.parametrize("door", ["chat", "completions", "embeddings"])
def test_each_door_leads_to_a_signed_receipt(plant: Plant, door: str) -> None:
    address, key = plant.url() + "/v1", plant.cast.buyer.key
    with openai.OpenAI(base_url=address, api_key=key, max_retries=0, timeout=30) as client:
        usage = ask(client, door)
    headers = {"authorization": f"Bearer {key}"}

    def read() -> Any:
        query = {"id": usage.receipt_id}
        return httpx.get(address + "/generation", params=query, headers=headers).json()["data"]

    wait_until(lambda: read()["receipt"], what="the agent's receipt")
    wait_until(lambda: read()["latency"] is not None, what="the gateway's note")
    data = read()
    body, signature, public = (
        base64.b64decode(data["receipt"][name]) for name in ("body", "signature", "public_key")
    )

    Ed25519PublicKey.from_public_bytes(public).verify(signature, body)
    assert usage.receipt_id.encode() in body
    assert data["api_type"].partition(".")[0] == door
    assert data["cost"] == usage.cost_amount
    assert data["tokens_prompt"] == usage.prompt_tokens == data["tokens"]["claim"]["prompt"]
    assert float(data["energy"]["joules"]) > 0 or data["energy"]["tier"] == "declared"
