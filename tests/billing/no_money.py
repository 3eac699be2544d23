"""
Tables in which no money is written down.

Every other one is in the registers of rights and of rules: a new table fails their tests until it is listed.
"""

# People, sessions, mail addresses, keys: Django's, allauth's and our own.
PEOPLE = """
account_emailaddress account_emailconfirmation accounts_agenttoken accounts_apikey accounts_apireplay
accounts_invitation accounts_membership accounts_organization accounts_project accounts_user
accounts_user_groups accounts_user_user_permissions auth_group auth_group_permissions auth_permission
django_admin_log django_content_type django_migrations django_session mfa_authenticator
"""

# What is offered, and where. A bill follows from price cards and awards, which are not among these.
MARKET = """
demand_event heat_contract heat_demand heat_offer heat_reading model offer offer_plan offer_terms power_bid
power_lot series series_feed serving_profile site site_day site_energy
"""

# Who was told that their wallet runs low.
TOLD = "low_wallet"

# Machines, and who may speak for them.
MACHINES = "direct_upstream endpoint enrolment heartbeat machine_lease node node_token"

NO_MONEY = frozenset(f"{PEOPLE} {MARKET} {MACHINES} {TOLD}".split())
