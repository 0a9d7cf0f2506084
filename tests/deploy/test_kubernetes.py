"""The Kubernetes manifests: rendered, held against Kubernetes's own schemas, and against what the service needs."""

import copy
import re
import shutil
import subprocess
from typing import Any

import jsonschema
import pytest
import yaml

from entrypoints.server import GRACEFUL_SECONDS
from entrypoints.settings import load_settings
from tests.deploy.kit import FILLED, ROLES, check_command, known_settings, schema
from tests.deploy.rendered import MANIFESTS, containers, pod, render

KUBECTL = shutil.which("kubectl")


@pytest.fixture(scope="module")
def objects() -> list[Any]:
    """Every object that is applied."""
    return render()


@pytest.fixture(scope="module")
def secret() -> Any:
    """The example, which is applied by hand."""
    return yaml.safe_load((MANIFESTS / "secret.example.yaml").read_text(encoding="utf-8"))


def named(objects: list[Any], kind: str, name: str) -> Any:
    """One object."""
    (found,) = [thing for thing in objects if thing["kind"] == kind and thing["metadata"]["name"] == name]
    return found


def validate(thing: Any) -> None:
    """Against Kubernetes's schema of its kind, which knows every field."""
    known = schema("kubernetes-1.37.json")
    whole = {**known["kinds"][thing["kind"]], "definitions": known["definitions"]}
    jsonschema.Draft202012Validator(whole).validate(thing)  # `jsonschema.validate` would check the schema each time


def test_every_object_is_one_of_kubernetes(objects: list[Any], secret: Any) -> None:
    """Each field is known and of the right kind."""
    kinds = sorted({thing["kind"] for thing in objects})
    assert kinds == [
        "ConfigMap", "Deployment", "Ingress", "Job", "Namespace", "NetworkPolicy", "PodDisruptionBudget", "Service",
    ]  # fmt: skip
    for thing in [*objects, secret]:
        validate(thing)


@pytest.mark.parametrize(("old", "new"), [("readinessProbe", "readynessProbe"), ("containerPort", "conatinerPort")])
def test_a_misspelt_field_is_found(objects: list[Any], old: str, new: str) -> None:
    """Anywhere, however deep."""
    spoilt = yaml.safe_load(yaml.safe_dump(named(objects, "Deployment", "paywall-api")).replace(old, new))
    with pytest.raises(jsonschema.ValidationError):
        validate(spoilt)


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl: our own rendering is what the other tests look at")
def test_kubectl_renders_the_same(objects: list[Any]) -> None:
    """The rendering that the tests look at is the one that is applied, but for the hash in the ConfigMap's name."""
    done = subprocess.run([KUBECTL or "", "kustomize", MANIFESTS], capture_output=True, text=True, check=True)  # noqa: S603  - our own manifests
    text = re.sub(r"\bpaywall-[a-z0-9]{10}$", "paywall", done.stdout, flags=re.MULTILINE)

    def ordered(things: list[Any]) -> list[Any]:
        return sorted(things, key=lambda thing: (thing["kind"], thing["metadata"]["name"]))

    assert ordered(list(yaml.safe_load_all(text))) == ordered(objects)


def test_every_container_is_shut_in(objects: list[Any]) -> None:
    """As the namespace demands: the standard `restricted`, and a file system that cannot be written."""
    assert named(objects, "Namespace", "paywall")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == (
        "restricted"
    )
    pods = [pod(thing) for thing in objects if pod(thing) is not None]
    assert len(pods) == 4
    for spec in pods:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
    for container in [c for thing in objects for c in containers(thing)]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"]["memory"]
        assert container["image"].startswith("registry.example.com/paywall:")


def test_every_command_is_one(objects: list[Any]) -> None:
    """Each role once; and each pod but the migration's waits for the schema."""
    commands = {}
    for thing in objects:
        for container in containers(thing):
            if "command" in container:
                shell, flag, line = container["command"]
                asked = re.fullmatch(r"until paywall (.+); do sleep 2; done", line)
                assert (shell, flag) == ("sh", "-c")
                assert asked is not None
                assert check_command(asked[1].split()) == "migrate"
            else:
                commands[container["name"]] = check_command(container["args"])
    assert commands == {"api": "api", "worker": "worker", "bot": "bot", "migrate": "migrate"}
    waiting = {t["metadata"]["name"] for t in objects if pod(t) is not None and pod(t).get("initContainers")}
    assert waiting == {"paywall-api", "paywall-worker", "paywall-bot"}


def test_the_apis_roll_over_without_a_gap(objects: list[Any]) -> None:
    """Never fewer than two that are ready; the end of one has the time that it takes, and is no kill."""
    spec = named(objects, "Deployment", "paywall-api")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (api,) = spec["template"]["spec"]["containers"]
    probe = api["readinessProbe"]
    assert probe["httpGet"] == {"path": "/health/ready", "port": "http"}
    assert api["livenessProbe"]["httpGet"]["path"] == "/health"
    drain = int(api["args"][-1])
    assert probe["periodSeconds"] * probe["failureThreshold"] < drain
    assert drain + GRACEFUL_SECONDS < spec["template"]["spec"]["terminationGracePeriodSeconds"]
    budget = named(objects, "PodDisruptionBudget", "paywall-api")["spec"]
    assert budget["minAvailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


def test_one_bot_polls_at_a_time(objects: list[Any]) -> None:
    """Two pollers would take each other's updates."""
    assert named(objects, "ConfigMap", "paywall")["data"]["BOT_MODE"] == "polling"
    spec = named(objects, "Deployment", "paywall-bot")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_services_lead_to_pods_and_the_ingress_to_services(objects: list[Any]) -> None:
    """By labels and by the names of ports."""
    deployments = [thing for thing in objects if thing["kind"] == "Deployment"]
    for service in (thing for thing in objects if thing["kind"] == "Service"):
        chosen = [
            d for d in deployments
            if service["spec"]["selector"].items() <= d["spec"]["template"]["metadata"]["labels"].items()
        ]  # fmt: skip
        assert len(chosen) == 1
        ports = {port["name"] for c in containers(chosen[0]) for port in c.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    ingress = named(objects, "Ingress", "paywall")["spec"]
    for path in ingress["rules"][0]["http"]["paths"]:
        backend = path["backend"]["service"]
        service = named(objects, "Service", backend["name"])
        assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    assert ingress["tls"][0]["hosts"] == [rule["host"] for rule in ingress["rules"]]


def test_the_settings_are_all_that_each_role_needs(objects: list[Any], secret: Any) -> None:
    """Names that exist, none of them twice, and nothing that is required is missing."""
    host = named(objects, "Ingress", "paywall")["spec"]["rules"][0]["host"]
    open_ones, closed = named(objects, "ConfigMap", "paywall")["data"], copy.deepcopy(secret["stringData"])
    assert open_ones.keys() & closed.keys() == set()
    assert (open_ones.keys() | closed.keys()) - known_settings() == set()
    environ = {**open_ones, **{name: value or FILLED[name] for name, value in closed.items()}}
    for thing in objects:
        for container in containers(thing):
            assert container["envFrom"] == [
                {"configMapRef": {"name": "paywall"}}, {"secretRef": {"name": secret["metadata"]["name"]}}
            ]  # fmt: skip
            role = ROLES[container["args"][0]] if "args" in container else ROLES["migrate"]
            settings = load_settings(environ, role)
            assert settings.public_base_url == "https://" + host
            assert settings.internal_api_url == "http://paywall-api:8000"
