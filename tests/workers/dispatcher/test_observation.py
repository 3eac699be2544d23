"""What a dispatcher tells operators, and the trace of a job through relay and node."""

import signal

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.core.collector import collecting
from tests.workers.dispatcher.conftest import Yard
from tests.workers.relay.exchange import free_port


@pytest.mark.timeout(150)
def test_tells_what_it_ran_and_traces_it_to_the_relay(yard: Yard) -> None:
    port = free_port()
    with collecting() as collector:
        yard.environment |= {
            "JOULEPORT_METRICS_ADDRESS": f"127.0.0.1:{port}",
            "JOULEPORT_OTEL_ENDPOINT": collector.url,
        }
        yard.start_agent(yard.exchange.start_upstream())
        dispatcher = yard.start_dispatcher()

        uid = yard.submit(messages=[{"role": "user", "content": "my diary"}])
        yard.wait(uid, "SUCCEEDED", seconds=90)
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        dispatcher.send_signal(signal.SIGTERM)
        dispatcher.wait(60)

    told = {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert told["jouleport_dispatcher_concurrency"] == 64
    assert told["jouleport_dispatcher_turns_total settled"] == 1
    upstream = collector.named("upstream")
    # It may have been looked at in vain before the agent was there.
    (dispatch,) = [span for span in collector.spans if span.span_id == upstream.parent_id]
    assert (dispatch.service, dispatch.name) == ("jouleport-dispatcher", "dispatch")
    assert dispatch.facts["jouleport.job"] == str(uid)
    assert not any("diary" in span.raw for span in collector.spans)
