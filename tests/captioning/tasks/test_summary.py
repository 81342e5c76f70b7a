"""Clip captions: asked again for each fault, held to the notes and to the token budget, never cut inside a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioning.chat import ChatReply
from captioning.protocols import ClipReply, ClipRequest, iterate
from captioning.summarisers.chat import ChatSummariser
from captioning.tasks.forms import FIELDS, ProseForm, StructuredForm, notes_of
from captioning.tasks.summary import NO_CAPTIONS, ONE_CAPTION, Budget, SummaryTask, finish_joined
from captioning.words import is_closed, sentences
from schemas.errors import ConfigError
from tests.captioning.scripted import Say, ScriptedChat, says

CLIP = ClipRequest(
    sample_id="clip",
    frame_captions=(
        "A brown dog runs across a wide lawn in bright sunlight.",
        "The brown dog leaps over a fallen log beside a wooden fence.",
    ),
    times=(0.0, 2.0),
    overview="A brown dog runs over a lawn and leaps over a log.",
    measured="The camera pans left slowly.",
)
DENSE = (
    "A brown dog runs across a wide lawn in bright sunlight. Then it leaps over a fallen log beside a wooden fence as "
    "the camera pans left slowly."
)


def count(text: str) -> int:
    return len(text.split())


def structured(**changes: Any) -> str:
    answer = {
        "dense": DENSE,
        "medium": "A brown dog runs across a lawn, then leaps over a log.",
        "short": "A brown dog leaps over a log.",
        "subject": "a brown dog",
        "action": "runs and leaps",
        "setting": "a wide lawn",
        "camera": "pans left slowly",
        "light": "bright sunlight",
        "style": "cinematic drama",
    }
    return json.dumps(answer | changes)


def summarise(say: Say, clip: ClipRequest = CLIP, budget: int = 100, **settings: Any) -> tuple[ClipReply, ScriptedChat]:
    chat = ScriptedChat(say)
    form = settings.pop("form", None) or StructuredForm()
    task = SummaryTask(form, Budget(count=count, tokens=budget), **settings)
    (reply,) = iterate(ChatSummariser(chat, task).summarise([clip]))
    return reply, chat


def test_a_sound_answer_stands_with_its_three_lengths_and_the_fields_that_the_notes_hold() -> None:
    reply, chat = summarise(says(structured()))
    assert reply.dense == DENSE
    assert reply.medium == "A brown dog runs across a lawn, then leaps over a log."
    assert reply.short == "A brown dog leaps over a log."
    assert set(reply.fields) == set(FIELDS) - {"style"}, "no note tells a style"
    assert reply.fallback is None
    assert reply.budget is None
    assert reply.tokens == count(DENSE)
    assert reply.usage.calls == 1
    assert json.loads(chat.asked[0].schema)["required"]


def test_a_model_is_given_overview_seconds_and_measured_facts() -> None:
    assert notes_of(CLIP).splitlines() == [
        "Overview: A brown dog runs over a lawn and leaps over a log.",
        "0.0 s: A brown dog runs across a wide lawn in bright sunlight.",
        "2.0 s: The brown dog leaps over a fallen log beside a wooden fence.",
        "Measured: The camera pans left slowly.",
    ]


@pytest.mark.parametrize(
    ("bad", "correction"),
    [
        ("no json at all", "JSON object"),
        ('{"dense": "A dog."}', "JSON object"),
        (structured(dense="Sure! A brown dog runs."), "begin with the content"),
        (structured(dense="A brown dog chases a black cat."), "not in any frame caption: chases, black, cat"),
        (structured(dense="Der Hund läuft über die Wiese und springt auf den Zaun."), "English"),
        (structured(dense="The video shows a brown dog."), "do not say video"),
        (structured(dense="A brown dog runs. A brown dog runs."), "each thing once"),
    ],
)
def test_each_fault_is_told_and_asked_again(bad: str, correction: str) -> None:
    reply, chat = summarise(says(bad, structured()))
    assert reply.dense == DENSE
    assert reply.usage.calls == 2
    assert correction in chat.asked[1].messages[-1].text
    assert chat.asked[1].messages[-2].text == bad


def test_lengths_that_will_not_do_are_cut_from_the_dense_caption() -> None:
    reply, _ = summarise(says(structured(short="A dog and a cat play in the garden.", medium=" ".join(["dog"] * 99))))
    assert reply.short == "A brown dog runs across a wide lawn in bright sunlight."
    assert reply.medium == DENSE


def test_too_long_is_asked_for_again_shorter_and_recorded() -> None:
    short = structured(dense="A brown dog runs across a lawn. Then it leaps over a fallen log.")
    reply, chat = summarise(says(structured(), short), budget=20)
    assert reply.dense == "A brown dog runs across a lawn. Then it leaps over a fallen log."
    assert reply.budget == "asked again"
    assert "At most 18 words" in chat.asked[1].messages[-1].text


def test_too_long_to_the_end_is_cut_at_a_sentence() -> None:
    reply, chat = summarise(says(structured()), budget=20)
    assert len(chat.asked) == 3
    assert reply.dense == "A brown dog runs across a wide lawn in bright sunlight."
    assert reply.budget == "cut"
    assert reply.fallback is None


def test_a_sound_long_draft_is_better_than_an_unsound_last_one() -> None:
    reply, _ = summarise(says(structured(), "nothing", "nothing"), budget=20)
    assert reply.dense == "A brown dog runs across a wide lawn in bright sunlight."
    assert reply.budget == "cut"


def test_what_never_will_do_falls_back_or_fails_as_configured() -> None:
    reply, _ = summarise(says(structured(dense="A black cat sleeps.")))
    assert reply.fallback == "not in any frame caption: black, cat, sleeps"
    assert reply.dense is not None
    assert reply.dense.startswith("A brown dog runs across a wide lawn in bright sunlight.")
    failed, _ = summarise(says(structured(dense="A black cat sleeps.")), fallback="none")
    assert failed.error == "no usable caption: not in any frame caption: black, cat, sleeps"
    assert failed.answered


def test_a_cut_off_answer_is_retried_even_if_it_parses() -> None:
    def say(request: Any, before: int) -> ChatReply:
        return ChatReply(id=request.id, text=structured(), finish_reason="length" if before == 0 else "stop")

    reply, chat = summarise(say)
    assert len(chat.asked) == 2
    assert reply.dense == DENSE


def test_an_unreachable_model_fails_the_clip_and_never_falls_back() -> None:
    reply, _ = summarise(lambda request, before: ChatReply(id=request.id, error="503 busy"))
    assert reply.error == "503 busy"
    assert not reply.answered
    assert reply.dense is None


def test_nothing_is_asked_where_there_is_nothing_to_merge() -> None:
    single = ClipRequest(sample_id="one", frame_captions=("A cat sits.", "A cat is sitting."))
    reply, chat = summarise(says("never"), single)
    assert (reply.dense, reply.fallback, chat.asked) == ("A cat sits.", ONE_CAPTION, [])
    mute, chat = summarise(says("never"), ClipRequest(sample_id="mute", frame_captions=()))
    assert (mute.error, chat.asked) == (NO_CAPTIONS, [])


def test_prose_shows_worked_examples_and_samples_anew_instead_of_arguing() -> None:
    good = "A brown dog runs across a wide lawn. Then it leaps over a fallen log."
    reply, chat = summarise(says("A wolf howls.", good), form=ProseForm())
    assert reply.dense == good
    first, second = chat.asked
    assert [message.role for message in first.messages[:3]] == ["system", "user", "assistant"]
    assert second.messages == first.messages
    assert second.temperature > first.temperature == 0


def test_words_of_the_worked_examples_are_a_leak_unless_the_notes_hold_them() -> None:
    leak = "A small boat with a torn sail lies on calm water."
    reply, _ = summarise(says(leak), form=ProseForm(), max_attempts=1)
    assert reply.fallback is not None
    assert reply.fallback.startswith("repeats its instruction")


def test_a_prompt_with_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"only \{words\} is known"):
        StructuredForm("Write {style}.")


SENTENCES = st.lists(
    st.sampled_from(("A dog runs.", "A red car turns left.", "Two gulls sit on a pier.", "Rain falls on a tin roof.")),
    min_size=1,
    max_size=6,
)


@given(SENTENCES, st.integers(3, 30))
def test_joined_captions_fit_the_budget_in_whole_sentences_or_say_why_not(captions: list[str], budget: int) -> None:
    reply = finish_joined(
        ClipRequest(sample_id="c", frame_captions=tuple(captions)), Budget(count=count, tokens=budget), "why"
    )
    if reply.error:
        assert "token_budget" in reply.error
    else:
        assert reply.dense is not None
        assert count(reply.dense) <= budget
        assert all(is_closed(sentence) for sentence in sentences(reply.dense))


def test_many_clips_in_any_order_keep_their_own_words() -> None:
    clips = [
        ClipRequest(
            sample_id=f"c{number}", frame_captions=(f"A dog beside {number} trees.", f"A dog leaps {number} logs.")
        )
        for number in range(20)
    ]

    def say(request: Any, before: int) -> ChatReply:
        number = request.id[1:]
        if before == 0 and int(number) % 3 == 0:
            return ChatReply(id=request.id, text="not json")
        return ChatReply(id=request.id, text=structured(dense=f"A dog beside {number} trees leaps {number} logs."))

    task = SummaryTask(StructuredForm(), Budget(count=count, tokens=100))
    replies = iterate(ChatSummariser(ScriptedChat(say), task).summarise(clips))
    assert {reply.sample_id: reply.dense for reply in replies} == {
        f"c{number}": f"A dog beside {number} trees leaps {number} logs." for number in range(20)
    }
