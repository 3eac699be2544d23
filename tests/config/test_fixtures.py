"""The fixtures themselves: clones are separate, and programs log in without the owner's rights."""

import psycopg
import pytest
import redis
from django.db import connection

from accounts.keys import IssuedKey
from accounts.models import Organization
from tests.databases import Database


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_has_a_database_of_its_own(db: Database, _time: int) -> None:
    with psycopg.connect(db.owner_dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE only_here (id int)")


def test_django_is_the_application_role(db: Database) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        assert cursor.fetchone() == ("jouleport_app", db.name)


def test_the_application_role_makes_no_tables(db: Database) -> None:
    with db.connect() as application, pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("CREATE TABLE mine (id int)")


def test_redis_starts_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_the_cast_is_there(lab: Organization, stranger: Organization, lab_key: IssuedKey) -> None:
    assert lab.pk != stranger.pk
    assert lab_key.key.organization_id == lab.pk
