"""What the chat page itself says, in the person's language. Pure; the bot's own words come from the bot."""

from typing import Final

LANGUAGES: Final = {"ru": "Русский", "en": "English"}

_RUSSIAN: Final = {
    "bot": "бот",
    "typing…": "печатает…",
    "connecting…": "соединение…",
    "blocked": "заблокирован",
    "Message": "Сообщение",
    "Send": "Отправить",
    "START": "СТАРТ",
    "RESTART": "ПЕРЕЗАПУСТИТЬ",
    "Block bot": "Заблокировать бота",
    "Unblock bot": "Разблокировать бота",
    "Menu": "Меню",
    "Settings": "Настройки",
    "Language": "Язык",
    "People": "Люди",
    "Chats": "Чаты",
    "New user": "Новый пользователь",
    "Name": "Имя",
    "Add": "Добавить",
    "edited": "изменено",
    "You are": "Вы",
    "No messages here yet": "Здесь пока нет сообщений",
    "Press START to begin.": "Нажмите «Старт», чтобы начать.",
    "Open chat with the bot": "Открыть чат с ботом",
    "Who are you?": "Кто вы?",
    "Open": "Открыть",
    "OK": "Хорошо",
    "There is no such bot here.": "Здесь нет такого бота.",
    "Back": "Назад",
    "Console of the sandbox": "Консоль песочницы",
    "Telegram of the sandbox": "Telegram песочницы",
    "This cannot be done": "Так не получится",
}


def say(words: str, language_code: str) -> str:
    """The words in a language; English where there is no other."""
    return _RUSSIAN[words] if language_code == "ru" else words
