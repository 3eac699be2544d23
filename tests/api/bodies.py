"""What is sent to the REST interface so that it is taken."""

SITE = {
    "name": "Hill",
    "country": "SE",
    "region": "Norrbotten",
    "grid_zone": "SE1",
    "time_zone": "Europe/Stockholm",
    "currency": "USD",
    "energy_price": "0.031",
    "pue": "1.1",
    "gco2_per_kwh": "20",
    "carbon_source": "test",
}
TARIFF = {
    "document": {
        "format": "jouleport-tariff/1",
        "name": "flat",
        "version": 1,
        "currency": "USD",
        "zone": "Europe/Stockholm",
        "valid_from": "2020-01-01",
        "components": [{"kind": "FIXED_ENERGY", "name": "energy", "price": "0.031"}],
    },
    "confirmed": True,
}
ENERGY = {"cooling": "IMMERSION", "pue": "1.07", "heat_reused": "0.5", "heat_source": "the town"}
SERVING = {
    "joules_per_output_token": "0.9",
    "tokens_per_second": "60",
    "utilisation": "0.5",
    "watts_idle": "20",
    "capital": "800",
    "margin": "0.1",
}
NOBODY = "00000000-0000-4000-8000-000000000000"
RENAMED = {"name": "renamed"}
CHAT = {"model": "small", "messages": [{"role": "user", "content": "Why?"}], "max_tokens": 40}
