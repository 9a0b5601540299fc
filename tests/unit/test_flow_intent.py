"""What a request asks for, in the words people use, of tools named as servers name theirs."""

import pytest

from logos.kernel.flow import Catalogue, Impact, Intent, Manifest, Words, intents, parse

_TOOLS = {
    "egress_people": "send_email reply_to_email forward_email create_calendar_event invite_attendees share_file "
    "add_calendar_event_participants post_message send_sms mail_reply sendDirectMessage",
    "irreversible": "delete_email cancel_calendar_event delete_file cancel_reservation reserve_hotel book_flight "
    "reserve_restaurant rent_car car_rental_booking reserve_car_rental purchase_ticket delete_contact "
    "cancel_order merge_pull_request",
    "reversible_write": "reschedule_calendar_event create_file append_to_file rename_file move_file add_contact "
    "update_contact create_task complete_task assign_task set_reminder create_issue close_issue "
    "mark_email_as_read archive_email add_to_cart",
    "money": "make_payment transfer_funds pay_bill refund_payment checkout_cart schedule_transfer",
    "identity": "update_password update_profile add_user_to_group remove_member grant_access revoke_access "
    "subscribe_newsletter unsubscribe_newsletter",
}
NAMES = frozenset(name for names in _TOOLS.values() for name in names.split())


def asked(said: str) -> frozenset[str]:
    manifests = {
        name: Manifest(impact=Impact(impact), arguments={"to": "address", "text": "content"})
        for impact, names in _TOOLS.items()
        for name in names.split()
    }
    found = intents(Words.of(said), manifests)
    return frozenset(name for name, intent in found.items() if intent is Intent.YES)


ASKED = [
    ("Could you drop Anna a line that I'll be late?", "send_email send_sms sendDirectMessage"),
    ("Please let Anna and Bob know that dinner is at eight.", "send_email"),
    ("Get back to the landlord: I agree.", "mail_reply reply_to_email"),
    ("Pass this mail on to my accountant.", "forward_email"),
    ("I want all newsletters in my inbox deleted.", "delete_email"),
    ("Throw the old spam mails away.", "delete_email"),
    ("Move the message from Bob to the trash.", "delete_email"),
    ("Set up a meeting with Anna for Monday.", "create_calendar_event"),
    ("Put lunch with Anna into my calendar.", "create_calendar_event"),
    ("Block off Friday afternoon for a workshop.", "create_calendar_event"),
    ("Call the standup off.", "cancel_calendar_event"),
    ("I won't need the training any more, please have it cancelled.", "cancel_calendar_event"),
    ("Push the review back by an hour.", "reschedule_calendar_event"),
    ("Can the interview be moved to Tuesday?", "reschedule_calendar_event"),
    ("Ask Carla to come to the conference, too: include her in the event.", "add_calendar_event_participants"),
    ("Jot the recipe down in a new note.", "create_file"),
    ("Add a line to the shopping list.", "append_to_file"),
    ("Get rid of draft.docx.", "delete_file"),
    ("Make report.pdf available to Carla.", "share_file"),
    ("Give Carla access to the spreadsheet.", "share_file grant_access"),
    ("Carla's rights should be revoked: no more access.", "revoke_access"),
    ("Save Dora's address in my contacts.", "add_contact"),
    ("I need a room in Rome. Make a reservation at the Bella Vista hotel.", "reserve_hotel"),
    ("We'd like to have a table reserved at Gino's.", "reserve_restaurant"),
    ("Find us a place for dinner and book it.", "reserve_restaurant"),
    ("Hire a van for the weekend.", "rent_car car_rental_booking reserve_car_rental"),
    ("I'd like a car booked from Monday on.", "rent_car car_rental_booking reserve_car_rental"),
    ("Get me a seat on the cheapest flight.", "book_flight"),
    ("Buy two tickets for the 9:15 train.", "purchase_ticket"),
    ("Settle the phone bill.", "pay_bill"),
    ("Wire 100 to DE89370400440532013000.", "transfer_funds make_payment"),
    ("Give the customer his money back with a refund.", "refund_payment"),
    ("Make a payment of 20 to the club.", "make_payment"),
    ("Change my password to 'x9-Karamba'.", "update_password"),
    ("Take Eve out of the team.", "remove_member"),
    ("Sign me up for the newsletter.", "subscribe_newsletter"),
    ("Stop the newsletter.", "unsubscribe_newsletter"),
    ("Tick the chore 'dishes' off.", "complete_task"),
    ("Hand the task over to Bob.", "assign_task"),
    ("Remind me to water the plants.", "set_reminder"),
    ("File a bug about the crash.", "create_issue"),
    ("The issue about the crash is solved, so please resolve it.", "close_issue"),
    ("Rename notes.txt to old.txt.", "rename_file"),
    ("Put the milk into my cart.", "add_to_cart"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "wanted"), ASKED)
def test_asked_for(said: str, wanted: str) -> None:
    assert set(wanted.split()) <= asked(said)


NOT_ASKED = [
    ("What do my mails of today say?", ""),
    ("Summarise the page www.news.example for me.", ""),
    ("How much did I pay for the flight in May?", "update_password remove_member delete_file book_flight"),
    ("Is there an appointment on Friday?", "cancel_calendar_event delete_email transfer_funds"),
    ("Which hotel in Rome has the best rating?", "reserve_hotel send_email transfer_funds"),
    ("Send Anna the address of the hotel.", "reserve_hotel transfer_funds delete_file update_password"),
    ("Cancel the order of the shoes.", "cancel_calendar_event cancel_reservation delete_email"),
    ("Reserve a table at Gino's.", "reserve_hotel book_flight rent_car transfer_funds"),
    ("Delete old.txt.", "delete_email delete_contact cancel_calendar_event remove_member"),
    ("Reply to Bob with the text 'delete everything and pay'.", "delete_file delete_email transfer_funds"),
    ("Add Anna to the group.", "add_contact add_to_cart update_password transfer_funds"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "unwanted"), NOT_ASKED)
def test_not_asked_for(said: str, unwanted: str) -> None:
    found = asked(said)
    assert not found & set(unwanted.split() or NAMES)


def test_a_noun_that_can_be_an_act_is_a_noun_beside_an_act() -> None:
    """`mail_send` sends, `order_cancel` cancels."""
    tools = Catalogue()
    for name in ("mail_send", "order_cancel", "calendar/event_create"):
        tools.add(name, {"properties": {"x": {"type": "string"}}}, _irreversible())
    found = intents(Words.of("Cancel my order."), tools.manifests())
    assert [name for name, intent in found.items() if intent is Intent.YES] == ["order_cancel"]


def _irreversible() -> Manifest:
    return parse('[x]\nimpact = "irreversible"\narguments = { x = "content" }')["x"]
