"""What `kubectl kustomize` makes of the manifests, without kubectl: the few features that our kustomization uses.

Another feature raises, so that nothing is left out silently. The one difference: a generated ConfigMap's name has no
hash at its end here. Where there is a kubectl, a test holds the two against each other.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from tests.deploy.kit import DEPLOY

MANIFESTS: Final = DEPLOY / "kubernetes"
_USED: Final = {"apiVersion", "kind", "namespace", "resources", "labels", "images", "configMapGenerator"}


def render() -> list[Any]:
    """Every object, as it would be applied.

    Raises:
        AssertionError: the kustomization uses something that is not understood here.
    """
    plan = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text(encoding="utf-8"))
    assert plan.keys() == _USED
    assert all(group.keys() == {"pairs"} for group in plan["labels"])
    objects = [thing for name in plan["resources"] for thing in _read(name)]
    for config in plan["configMapGenerator"]:
        assert config.keys() == {"name", "literals"}
        data = dict(line.split("=", 1) for line in config["literals"])
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": config["name"]}, "data": data})
    images = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in plan["images"]}
    for thing in objects:
        meta = thing["metadata"]
        if thing["kind"] != "Namespace":
            meta["namespace"] = plan["namespace"]
        for group in plan["labels"]:
            meta["labels"] = {**meta.get("labels", {}), **group["pairs"]}
        for container in containers(thing):
            container["image"] = images.get(container["image"], container["image"])
    return objects


def _read(name: str) -> Iterator[Any]:
    """A file's objects; what YAML shares between them is theirs alone afterwards."""
    for document in yaml.safe_load_all((MANIFESTS / name).read_text(encoding="utf-8")):
        yield _alone(document)


def _alone(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _alone(inner) for key, inner in value.items()}
    return [_alone(inner) for inner in value] if isinstance(value, list) else value


def pod(thing: Any) -> Any:
    """The pod's specification of a Deployment or Job; None for everything else."""
    return thing["spec"]["template"]["spec"] if thing["kind"] in ("Deployment", "Job") else None


def containers(thing: Any) -> list[Any]:
    """All containers of an object, those that come first too."""
    spec = pod(thing)
    return [] if spec is None else [*spec.get("initContainers", []), *spec["containers"]]
