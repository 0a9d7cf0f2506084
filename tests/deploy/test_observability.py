"""What Prometheus is told: every process of each layout is asked, where it shows its figures."""

from typing import Any

import yaml

from entrypoints.settings import Role, load_settings
from tests.deploy.kit import DEPLOY, FILLED
from tests.deploy.rendered import containers, render
from tests.deploy.test_compose import compose
from tests.deploy.test_systemd import options


def job(name: str) -> Any:
    """One of the scrape jobs; each asks by the token."""
    read = yaml.safe_load((DEPLOY / "observability" / "prometheus.yaml").read_text(encoding="utf-8"))
    (found,) = [one for one in read["scrape_configs"] if one["job_name"] == f"paywall-{name}"]
    assert found["authorization"].keys() == {"credentials_file"}
    return found


def port_of(role: Role, address: str) -> int:
    """Where a process of this role shows its figures, by its own reading of the setting."""
    environ = {**FILLED, "APP_PUBLIC_BASE_URL": "https://pay.example.com", "METRICS_ADDRESS": address}
    found = load_settings(environ, role).metrics_address
    assert found is not None
    return found[1]


def test_compose_services_are_asked_where_they_show_their_figures() -> None:
    """The APIs where they listen, worker and bot at their own addresses; inside alone."""
    services = compose(FILLED | {"PAYWALL_DOMAIN": "pay.example.com"})["services"]
    shown = {f"{name}:8000" for name in ("api-1", "api-2")}
    for name in ("worker", "bot"):
        shown.add(f"{name}:{port_of(Role(name), services[name]['environment']['METRICS_ADDRESS'])}")
        assert "ports" not in services[name]
    (static,) = job("compose")["static_configs"]
    assert set(static["targets"]) == shown


def test_units_are_asked_where_they_show_their_figures() -> None:
    """Each on loopback, at a port of its own."""
    shown = {"127.0.0.1:8001", "127.0.0.1:8002"}
    for name in ("worker", "bot"):
        (line,) = options(f"paywall-{name}.service")["Service"]["ExecStart"]
        address = line.split("METRICS_ADDRESS=")[1].split()[0]
        shown.add(f"127.0.0.1:{port_of(Role(name), address)}")
    assert len(shown) == 4
    (static,) = job("systemd")["static_configs"]
    assert set(static["targets"]) == shown


def test_pods_are_asked_at_the_port_where_they_show_their_figures() -> None:
    """By their labels and the names of their ports; and Prometheus's namespace is let in there."""
    objects = render()
    (rule,) = job("kubernetes")["relabel_configs"]
    assert rule["regex"] == "paywall-api;http|paywall-(worker|bot);metrics"
    asked = {"paywall-api": "http", "paywall-worker": "metrics", "paywall-bot": "metrics"}
    (policy,) = [o for o in objects if o["kind"] == "NetworkPolicy" and o["metadata"]["name"] == "metrics"]
    let_in = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    (expression,) = policy["spec"]["podSelector"]["matchExpressions"]
    assert set(expression["values"]) == asked.keys()
    for thing in (o for o in objects if o["kind"] == "Deployment"):
        name = thing["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        (port,) = [p for c in containers(thing) for p in c.get("ports", []) if p["name"] == asked[name]]
        assert port["containerPort"] in let_in
        if asked[name] == "metrics":
            (address,) = [e["value"] for c in containers(thing) for e in c.get("env", [])]
            assert port_of(Role(name.removeprefix("paywall-")), address) == port["containerPort"]
