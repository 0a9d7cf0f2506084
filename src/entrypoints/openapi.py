"""The API's description, made from the code without any setting of a user's: nothing is opened, nobody is asked."""

from typing import Final

from adapters.http.app import create_app
from adapters.http.openapi import openapi_document
from entrypoints.container import Container
from entrypoints.settings import Role, load_settings

# The description holds none of these; they only let the parts be built.
_PLACEHOLDERS: Final = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "INTERNAL_API_TOKEN": "placeholder-placeholder",
    "TOKEN_SECRET": "placeholder-placeholder",
    "STRIPE_SECRET_KEY": "sk_test_placeholder",
    "STRIPE_WEBHOOK_SECRET": "whsec_placeholder",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_placeholder",
    "STRIPE_PRICE_SUB_MONTHLY": "price_placeholder",
    "BOT_USERNAME": "placeholder_bot",
}


def document() -> bytes:
    """The OpenAPI document as JSON, the same bytes on every machine."""
    container = Container(settings=load_settings(_PLACEHOLDERS, Role.API))
    return openapi_document(create_app(container.http_dependencies()))
