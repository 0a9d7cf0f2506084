"""A bot that was there before: anybody may talk to it, and two of its commands are now for who has paid."""

import asyncio
import os

from aiogram import Bot, Dispatcher, Router
from aiogram.filters import Command, CommandStart
from aiogram.types import Message

from adapters.bot.gate import AccessGate

free, paid = Router(), Router()


@paid.message(Command("lesson"))
async def lesson(message: Message) -> None:
    """For members."""
    await message.answer("Lesson one.")


@paid.message(Command("files"))
async def files(message: Message) -> None:
    """For members, too."""
    await message.answer("The files.")


@free.message(CommandStart())
async def welcome(message: Message) -> None:
    """For everybody."""
    await message.answer("Hello! /lesson and /files are for members.")


def create_dispatcher(api: str, token: str, pay_link: str) -> Dispatcher:
    """The bot as it was, and one line more."""
    AccessGate.asking_api(api, token, pay_link=pay_link).guard_handlers(paid)
    dispatcher = Dispatcher()
    dispatcher.include_routers(paid, free)
    return dispatcher


if __name__ == "__main__":
    our = os.environ
    bot = create_dispatcher(our["API_INTERNAL_BASE_URL"], our["INTERNAL_API_TOKEN"], our["BOT_PAY_URL"])
    asyncio.run(bot.start_polling(Bot(our["BOT_TOKEN"])))
