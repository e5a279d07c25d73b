"""simple-salesforce 1.12.10, unchanged, against the simulator.

Usage: drive_simple_salesforce.py BASE_URL CLIENT_ID CLIENT_SECRET

The library writes https:// everywhere, so its session gets an adapter that sends https requests to BASE_URL.
"""

import datetime
import json
import sys
import urllib.parse
import urllib.request

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, exceptions

BASE_URL, CLIENT_ID, CLIENT_SECRET = sys.argv[1:4]


class ToSimulator(HTTPAdapter):
    """Sends every request to the simulator, whatever its host."""

    def send(self, request, **options):
        parts = urllib.parse.urlsplit(request.url)
        base = urllib.parse.urlsplit(BASE_URL)
        request.url = urllib.parse.urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))
        return super().send(request, **options)


def session():
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", ToSimulator())
    return made


def control(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{BASE_URL}/__control/{path}", data=data, method="POST")
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def expect(error, work):
    try:
        work()
    except error as found:
        return found
    raise AssertionError(f"{error.__name__} was expected")


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


@check
def client_credentials_login(_):
    """Basic authentication at a My Domain host."""
    client = Salesforce(
        consumer_key=CLIENT_ID, consumer_secret=CLIENT_SECRET, domain="acme.my", session=session()
    )
    assert client.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1


@check
def password_login(_):
    control("settings", {"password_grant": True})
    client = Salesforce(
        username="avery.admin@crosswalk.example",
        password="simulator",
        consumer_key=CLIENT_ID,
        consumer_secret=CLIENT_SECRET,
        session=session(),
    )
    assert client.query("SELECT Id FROM User LIMIT 1")["totalSize"] == 1
    control("settings", {"password_grant": False})
    failed = expect(
        exceptions.SalesforceAuthenticationFailed,
        lambda: Salesforce(
            username="avery.admin@crosswalk.example",
            password="simulator",
            consumer_key=CLIENT_ID,
            consumer_secret=CLIENT_SECRET,
            session=session(),
        ),
    )
    assert "authentication failure" in str(failed)


@check
def describe_and_limits(client):
    assert client.limits()["DailyApiRequests"]["Max"] > 0
    assert any(item["name"] == "Contact" for item in client.describe()["sobjects"])
    fields = client.Contact.describe()["fields"]
    assert any(field["name"] == "Email" for field in fields)
    assert client.Contact.metadata()["objectDescribe"]["name"] == "Contact"
    assert client.api_usage["api-usage"].used > 0


@check
def rows(client):
    made = client.Contact.create({"LastName": "Sîmple", "Email": "simple@example.com"})
    assert made["success"] and made["errors"] == []
    row = client.Contact.get(made["id"])
    assert row["LastName"] == "Sîmple"
    assert client.Contact.update(made["id"], {"LastName": "Simple"}) == 204
    assert client.Contact.get_by_custom_id("Email", "simple@example.com")["LastName"] == "Simple"
    assert client.Contact.upsert("Email/simple@example.com", {"Title": "x"}) == 200
    assert client.Contact.upsert("Email/new+one@example.com", {"LastName": "New"}) == 201
    assert client.Contact.delete(made["id"]) == 204
    expect(exceptions.SalesforceResourceNotFound, lambda: client.Contact.get(made["id"]))


@check
def pages(client):
    control("settings", {"page_size": 7})
    everything = client.query_all("SELECT Id FROM Account")
    assert everything["done"] and len(everything["records"]) == everything["totalSize"] > 7
    lazy = list(client.query_all_iter("SELECT Id FROM Account"))
    assert len(lazy) == everything["totalSize"]
    control("settings", {"page_size": None})


@check
def deleted_rows(client):
    made = client.Account.create({"Name": "Doomed"})
    client.Account.delete(made["id"])
    soql = f"SELECT Id FROM Account WHERE Id = '{made['id']}'"
    assert client.query(soql)["totalSize"] == 0
    assert client.query(soql, include_deleted=True)["totalSize"] == 1
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=1)
    start = end - datetime.timedelta(days=2)
    assert made["id"] in [row["id"] for row in client.Account.deleted(start, end)["deletedRecords"]]


@check
def searches(client):
    client.Account.create({"Name": "Quixotic Widgets"})
    found = client.search("FIND {Quixotic} RETURNING Account(Id, Name)")
    assert found["searchRecords"][0]["Name"] == "Quixotic Widgets"
    assert client.quick_search("Quixotic")["searchRecords"]


@check
def errors(client):
    bad = expect(exceptions.SalesforceMalformedRequest, lambda: client.query("SELECT Nope FROM Account"))
    assert bad.content[0]["errorCode"] == "INVALID_FIELD"
    expect(exceptions.SalesforceMalformedRequest, lambda: client.Contact.create({"FirstName": "No"}))
    control("faults", {"kind": "limit", "limit": "daily", "times": 1})
    refused = expect(exceptions.SalesforceRefusedRequest, client.limits)
    assert refused.content[0]["message"] == "TotalRequests Limit exceeded."


@check
def dead_session(client):
    control("kill_sessions", {})
    expect(exceptions.SalesforceExpiredSession, lambda: client.query("SELECT Id FROM Account"))


def main():
    made = control("session", {})
    client = Salesforce(
        session_id=made["access_token"], instance_url=made["instance_url"], version="60.0", session=session()
    )
    for function in CHECKS:
        try:
            function(client)
        except BaseException:
            print(f"simple-salesforce: {function.__name__}: FAILED", file=sys.stderr)
            raise
        print(f"simple-salesforce: {function.__name__}: ok")


main()
