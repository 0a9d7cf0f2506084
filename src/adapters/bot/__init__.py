"""The Telegram bot: the gate, the commands, and the messages that we send. aiogram; knows no other adapter.

aiogram describes every type and method of Telegram's to pydantic, and has all six hundred worked out while it is
loaded: eight seconds on a small machine, of which a bot uses a few. From here on they are left to be worked out at
their first use, as pydantic's `defer_build` has it, whoever loads aiogram. Nothing is loaded here.
"""

import re
import sys
from inspect import get_annotations
from types import ModuleType
from typing import Any, Final

from adapters.loading import Execute, around

_NAME: Final = re.compile(r"[A-Za-z_]\w*")


def _load_methods(execute: Execute, base: ModuleType) -> None:
    """What all methods have in common, their configuration as well."""
    execute(base)
    base.TelegramMethod.model_config["defer_build"] = True


def _load_types(execute: Execute, types: ModuleType) -> None:
    """Load the types without having them worked out, and let each of them find what it names.

    What aiogram asks for in another way than today's is done at once, as ever, and so is what others ask for meanwhile.
    """
    from pydantic import BaseModel  # noqa: PLC0415  - aiogram needs it; who does without aiogram does without it

    names: dict[str, Any] = {}
    at_once = BaseModel.__dict__["model_rebuild"]

    def later(model: type[BaseModel], /, **options: Any) -> bool | None:
        namespace = options.get("_types_namespace")
        if namespace is None or not model.__module__.startswith("aiogram."):
            options["_parent_namespace_depth"] = options.get("_parent_namespace_depth", 2) + 1  # this frame
            rebuilt: bool | None = at_once.__func__(model, **options)
            return rebuilt
        names.update(namespace)
        return None

    BaseModel.model_rebuild = classmethod(later)  # type: ignore[assignment, method-assign]  # only while they are loaded
    try:
        execute(types)
    finally:
        BaseModel.model_rebuild = at_once  # type: ignore[method-assign]  # as it was
    for described in (getattr(types, name) for name in types.__all__):
        if isinstance(described, type):  # or it is another name for several
            _let_find(described, names)


def _let_find(described: type, names: dict[str, Any]) -> None:
    """Put what a type's annotations name, inherited ones too, into its module, which has it for type checkers only."""
    module = sys.modules[described.__module__]
    annotations = [one for base in described.__mro__ for one in get_annotations(base).values()]
    for word in names.keys() & set(_NAME.findall(" ".join(map(str, annotations)))):
        if not hasattr(module, word):
            setattr(module, word, names[word])


around("aiogram.types", _load_types)
around("aiogram.methods.base", _load_methods)
