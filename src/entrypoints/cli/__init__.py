"""The command line: one console script, `paywall`. Here the commands are put together; nothing heavy is imported.

    service.py                      what runs, the schema, the sandbox; and what is drawn from the code
    orders.py acts.py               an operator looks at orders, and acts on one
    outbox.py reconcile.py sweep.py doctor.py
    running.py opened.py            settings, one database, and every failure as one line
    questions.py options.py         what an operator types
    output.py *_words.py dossier.py what an operator reads

A command that is asked for `--json` prints one JSON document on standard output and nothing else; words for people and
progress are then on standard error. Exit codes: 0 done, 1 not done (or something is wrong), 2 asked in a wrong way.
"""

import click

from entrypoints.cli.doctor import doctor
from entrypoints.cli.orders import orders
from entrypoints.cli.outbox import outbox
from entrypoints.cli.reconcile import reconcile
from entrypoints.cli.service import SERVICE_COMMANDS
from entrypoints.cli.sweep import sweep

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="paywall")
def main() -> None:
    """A paywall: customers pay on the web with Stripe and walk into a Telegram bot."""


for _command in (*SERVICE_COMMANDS, orders, outbox, reconcile, sweep, doctor):
    main.add_command(_command)
