"""`/restore` as a conversation in a chat: every turn that it can take, in both languages."""

import pytest
from aiogram import Router
from aiogram.types import Message

from adapters.bot.allowance import CODES_PER_HOUR

from .api_stub import ACTIVATE, CONFIRM, REQUEST, STATUS, problem
from .conftest import ANNA, BOB, PAGES, World, eventually, labels

ADDRESS = "payer@shop.example"
WRONG = "000111"


def notice_of(world: World) -> str:
    """What Telegram shows Bob over the chat."""
    notice = world.telegram.user(BOB).notice
    return "" if notice is None else notice.text


async def to_the_code(world: World, user: int = BOB) -> None:
    """As far as the second question."""
    await world.say("/restore", user=user)
    await world.say(ADDRESS, user=user)


@pytest.mark.parametrize(
    ("user", "question", "sent", "welcome", "buttons"),
    [
        (
            ANNA,
            "Пришлите адрес e-mail",
            "код из шести цифр. Пришлите его мне. Код одноразовый и действует 10 минут",
            "С возвращением! Ваш доступ активен.",
            ["Прислать новый код", "Отмена"],
        ),
        (
            BOB,
            "send me the e-mail address",
            "a six-digit code is on its way to it. Please send it to me. The code works once, within 10 minutes",
            "Welcome back! Your access is active.",
            ["Send a new code", "Cancel"],
        ),
    ],
)
async def test_person_is_let_in_by_address_and_code(
    *, polled: World, user: int, question: str, sent: str, welcome: str, buttons: list[str]
) -> None:
    """The whole conversation; the code is out of the chat afterwards, and nothing is asked twice."""
    asked = await polled.say("/restore", user=user)
    assert question in asked.text
    assert labels(asked) == buttons[1:]
    told = await polled.say(f"  {ADDRESS} ", user=user)
    assert sent in told.text
    assert labels(told) == buttons
    assert (await polled.say("123 456", user=user)).text == welcome
    assert polled.api.bodies(REQUEST) == [{"email": ADDRESS}]
    assert polled.api.bodies(CONFIRM) == [{"email": ADDRESS, "otp": "123456", "telegram_user_id": user}]
    assert "123 456" not in polled.texts(user)


async def test_conversation_is_in_the_language_of_the_order(polled: World) -> None:
    """It goes before the language of Telegram, from the first question to the welcome."""
    polled.api.locale = "ru"
    assert "Пришлите адрес" in (await polled.say("/restore")).text
    polled.api.locale = None
    assert "код из шести цифр" in (await polled.say(ADDRESS)).text
    assert (await polled.say("123456")).text == "С возвращением! Ваш доступ активен."


async def test_restored_order_s_language_welcomes(polled: World) -> None:
    """The API knows the order's language only once the code was right."""
    await to_the_code(polled)
    polled.api.locale = "ru"
    assert (await polled.say("123456")).text == "С возвращением! Ваш доступ активен."


async def test_wrong_address_is_asked_for_again(polled: World) -> None:
    """The API says that it is none."""
    await polled.say("/restore")
    polled.api.will(REQUEST, problem(400, "validation_failed", fields=("email",)))
    answer = await polled.say("not an address")
    assert "name@example.com" in answer.text
    assert labels(answer) == ["Cancel"]
    assert "is on its way" in (await polled.say(ADDRESS)).text


async def test_wrong_code_can_be_tried_again(polled: World) -> None:
    """The API does not say what is wrong with it."""
    await to_the_code(polled)
    polled.api.will(CONFIRM, problem(400, "otp_invalid"))
    answer = await polled.say(WRONG)
    assert "does not fit" in answer.text
    assert labels(answer) == ["Send a new code", "Cancel"]
    assert WRONG not in polled.texts()
    assert "Welcome back" in (await polled.say("123456")).text


async def test_after_five_wrong_codes_a_new_one_is_due(polled: World) -> None:
    """Whatever comes then; and the new one starts with five tries of its own."""
    await to_the_code(polled)
    polled.api.will(CONFIRM, *[problem(400, "otp_invalid") for _ in range(7)])
    for _ in range(4):
        assert "does not fit" in (await polled.say(WRONG)).text
    for _ in range(2):
        assert "does not work any more" in (await polled.say(WRONG)).text
    assert "is on its way" in (await polled.press("Send a new code")).text
    assert polled.api.bodies(REQUEST) == [{"email": ADDRESS}] * 2
    assert "does not fit" in (await polled.say(WRONG)).text
    assert "Welcome back" in (await polled.say("123456")).text


@pytest.mark.parametrize(
    ("retry_after", "told"),
    [("41", "in 41 seconds"), ("1", "in 1 second."), ("1799", "in 30 minutes"), (None, "in 60 seconds")],
)
async def test_codes_asked_for_too_often_are_told_when(polled: World, retry_after: str | None, told: str) -> None:
    """By the API's own word; the code that has come already is good all the same."""
    await polled.say("/restore")
    polled.api.will(REQUEST, problem(429, "rate_limited", retry_after=retry_after))
    assert told in (await polled.say(ADDRESS)).text
    polled.api.will(REQUEST, problem(429, "rate_limited", retry_after=retry_after))
    assert told in (await polled.press("Send a new code")).text
    assert "Welcome back" in (await polled.say("123456")).text


async def test_one_person_cannot_have_codes_mailed_to_everybody(polled: World) -> None:
    """The API limits each address; the person is limited here, over cancelled conversations too. Others are not."""
    for number in range(CODES_PER_HOUR):
        await polled.say("/restore")
        assert "is on its way" in (await polled.say(f"somebody{number}@shop.example")).text
        await polled.say("/cancel")
    await polled.say("/restore")
    assert "in 60 minutes" in (await polled.say(ADDRESS)).text
    assert len(polled.api.bodies(REQUEST)) == CODES_PER_HOUR
    await polled.say("/restore", user=ANNA)
    assert "код из шести цифр" in (await polled.say(ADDRESS, user=ANNA)).text


async def test_waiting_time_is_counted_in_russian_too(polled: World) -> None:
    """Plurals by the language."""
    for retry_after, told in (("41", "через 41 секунду"), ("42", "через 42 секунды"), ("600", "через 10 минут")):
        await polled.say("/restore", user=ANNA)
        polled.api.will(REQUEST, problem(429, "rate_limited", retry_after=retry_after))
        assert told in (await polled.say(ADDRESS, user=ANNA)).text


async def test_nothing_to_restore_offers_another_address_and_the_pay_page(polled: World) -> None:
    """The address is proven, but it never paid for what still stands."""
    await to_the_code(polled)
    polled.api.will(CONFIRM, problem(403, "no_restorable_order"))
    answer = await polled.say("123456")
    assert "no access is paid for with it" in answer.text
    assert labels(answer) == ["Pay for access", "Cancel"]
    assert await polled.telegram.press(BOB, "Pay for access") == f"{PAGES}/pay?telegram_chat_id={BOB}&locale=en"
    assert "is on its way" in (await polled.say("other@shop.example")).text
    assert "Welcome back" in (await polled.say("123456")).text
    assert [body["email"] for body in polled.api.bodies(CONFIRM)] == [ADDRESS, "other@shop.example"]


async def test_api_that_is_away_leaves_the_conversation_where_it_is(polled: World) -> None:
    """At every step the person is told so, and just answers again."""
    polled.api.is_down = True
    assert "e-mail address" in (await polled.say("/restore")).text
    assert "try again" in (await polled.say(ADDRESS)).text
    polled.api.is_down = False
    assert "is on its way" in (await polled.say(ADDRESS)).text
    polled.api.is_down = True
    assert "try again" in (await polled.press("Send a new code")).text
    assert "try again" in (await polled.say("123456")).text
    assert "123456" not in polled.texts()
    polled.api.is_down = False
    assert "Welcome back" in (await polled.say("123456")).text


@pytest.mark.parametrize("status", [401, 404, 422, 429, 500])
async def test_answers_that_say_nothing_of_the_person_are_our_trouble(polled: World, status: int) -> None:
    """A wrong internal token or a limit on the bot's own address is nobody's mistake in the chat."""
    await polled.say("/restore")
    code = "rate_limited" if status == 429 else "internal_error"
    if status != 429:
        polled.api.will(REQUEST, problem(status, code))
        assert "try again" in (await polled.say(ADDRESS)).text
    await polled.say(ADDRESS)
    polled.api.will(CONFIRM, problem(status, code))
    assert "try again" in (await polled.say("123456")).text
    assert "Welcome back" in (await polled.say("123456")).text


async def test_code_whose_answer_was_lost_has_let_the_person_in(polled: World) -> None:
    """The API took it, the answer got lost, and the code is spent: the person is in all the same."""
    await to_the_code(polled)
    polled.api.will(CONFIRM, problem(500, "internal_error"), problem(400, "otp_invalid"))
    assert "try again" in (await polled.say("123456")).text
    polled.api.is_paid = True
    assert "Welcome back" in (await polled.say("123456")).text


@pytest.mark.parametrize(("field", "told"), [("email", "e-mail address that you paid with"), ("otp", "does not fit")])
async def test_what_the_api_will_not_even_compare_is_asked_for_again(polled: World, field: str, told: str) -> None:
    """The address or the code, whichever it is."""
    await to_the_code(polled)
    polled.api.will(CONFIRM, problem(400, "validation_failed", fields=(field,)))
    assert told in (await polled.say("123456")).text


async def test_wrong_code_of_somebody_who_is_in_already_is_wrong(polled: World) -> None:
    """Access by another order says nothing about this code."""
    polled.api.is_paid = True
    await to_the_code(polled)
    polled.api.will(CONFIRM, problem(400, "otp_invalid"))
    assert "does not fit" in (await polled.say(WRONG)).text


@pytest.mark.parametrize("said", ["12345", "1234567", "123456 654321", "when does it come?", "١٢٣٤٥٦"])
async def test_what_is_no_code_costs_no_try(polled: World, said: str) -> None:
    """The API is not even asked."""
    await to_the_code(polled)
    assert "six digits" in (await polled.say(said)).text
    assert polled.api.bodies(CONFIRM) == []


@pytest.mark.parametrize("said", ["123456", "123-456", "1 2 3 4 5 6", "Your code: 123456."])
async def test_code_is_found_in_what_was_said(polled: World, said: str) -> None:
    """However the person has copied it."""
    await to_the_code(polled)
    assert "Welcome back" in (await polled.say(said)).text
    assert [body["otp"] for body in polled.api.bodies(CONFIRM)] == ["123456"]


async def test_mistyped_address_is_mended_at_the_second_question(polled: World) -> None:
    """An address in place of the code."""
    await polled.say("/restore")
    await polled.say("pyaer@shop.example")
    assert "is on its way" in (await polled.say(ADDRESS)).text
    await polled.say("123456")
    assert [body["email"] for body in polled.api.bodies(CONFIRM)] == [ADDRESS]


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("by_button", [True, False])
async def test_cancel_ends_it(polled: World, *, steps: int, by_button: bool) -> None:
    """At either question, by the command or the button; what is said then is for the gate."""
    await polled.say("/restore")
    if steps == 2:
        await polled.say(ADDRESS)
    answer = await (polled.press("Cancel") if by_button else polled.say("/cancel"))
    assert "nothing has changed" in answer.text
    assert "paying members" in (await polled.say("123456")).text
    assert polled.api.bodies(CONFIRM) == []


async def test_cancel_without_a_conversation_is_not_ours(polled: World) -> None:
    """An operator may have a /cancel of their own behind the gate."""
    assert "paying members" in (await polled.say("/cancel")).text


async def test_button_of_an_ended_conversation_says_so(polled: World) -> None:
    """It does nothing else."""
    await to_the_code(polled)
    await polled.say("/cancel")
    for button in ("Send a new code", "Cancel"):
        polled.telegram.user(BOB).notice = None
        await polled.telegram.press(BOB, button)
        await eventually(lambda: "Send /restore" in notice_of(polled))
    assert len(polled.api.bodies(REQUEST)) == 1


async def test_status_and_help_are_asked_aside(polled: World) -> None:
    """The conversation goes on."""
    await to_the_code(polled)
    assert "paying members" in (await polled.say("/status")).text
    assert "/restore" in (await polled.say("/help")).text
    assert "Welcome back" in (await polled.say("123456")).text


async def test_start_ends_the_conversation(polled: World) -> None:
    """A fresh start is a fresh start."""
    await to_the_code(polled)
    await polled.say("/start")
    assert "paying members" in (await polled.say("123456")).text


async def test_good_link_ends_the_conversation_and_a_bad_one_does_not(polled: World) -> None:
    """Whoever is in needs no code; whoever tried an old link still has one."""
    await to_the_code(polled)
    polled.api.will(ACTIVATE, problem(404, "activation_token_invalid"))
    assert "not valid" in (await polled.say("/start " + "x" * 62)).text
    assert "six digits" in (await polled.say("hello")).text
    assert "Welcome!" in (await polled.say("/start " + "y" * 62)).text
    assert "paying members" in (await polled.say("123456")).text
    assert polled.api.bodies(CONFIRM) == []


async def test_restore_in_the_middle_begins_anew(polled: World) -> None:
    """With the first question."""
    await to_the_code(polled)
    assert "e-mail address" in (await polled.say("/restore")).text
    polled.api.will(REQUEST, problem(400, "validation_failed", fields=("email",)))
    assert "name@example.com" in (await polled.say("123456")).text


async def test_operator_s_command_reaches_the_operator(world: World) -> None:
    """In the middle of our conversation too; then it goes on."""
    router = Router()

    @router.message()
    async def handler(message: Message) -> None:
        await message.answer(f"paid: {message.text}")

    world.api.is_paid = True
    async with world.polling_bot(paid_router=router):
        await to_the_code(world)
        assert (await world.say("/lesson")).text == "paid: /lesson"
        assert "Welcome back" in (await world.say("123456")).text
        assert (await world.say("123456")).text == "paid: 123456"


async def test_message_that_telegram_does_not_delete_is_no_error(polled: World) -> None:
    """The person is in."""
    await to_the_code(polled)
    anna = polled.telegram.user(BOB)
    said = await polled.telegram.say(BOB, "123456")
    anna.messages.remove(said)  # gone already
    assert "Welcome back" in (await polled.telegram.wait_for_message(BOB, containing="Welcome")).text


async def test_two_people_restore_side_by_side(polled: World) -> None:
    """Each their own."""
    await polled.say("/restore", user=ANNA)
    await polled.say("/restore", user=BOB)
    await polled.say("anna@shop.example", user=ANNA)
    await polled.say("bob@shop.example", user=BOB)
    await polled.say("111111", user=BOB)
    await polled.say("222222", user=ANNA)
    assert polled.api.bodies(CONFIRM) == [
        {"email": "bob@shop.example", "otp": "111111", "telegram_user_id": BOB},
        {"email": "anna@shop.example", "otp": "222222", "telegram_user_id": ANNA},
    ]


async def test_closed_gate_and_refused_links_name_the_way_back(polled: World) -> None:
    """Whoever has paid already must not pay again."""
    assert "/restore" in (await polled.say("hello")).text
    assert "/restore" in (await polled.say("привет", user=ANNA)).text
    for code, status in (
        ("activation_token_invalid", 404),
        ("activation_token_used", 409),
        ("activation_token_expired", 410),
        ("access_revoked", 403),
    ):
        polled.api.will(ACTIVATE, problem(status, code))
        assert "/restore" in (await polled.say("/start " + "x" * 62)).text
    assert polled.api.bodies(STATUS)
