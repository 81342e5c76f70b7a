"""Every fault of form is found and named, and plain captions have none."""

import pytest

from captioning.form import find_fault
from captioning.language import other_language

NOTES = ("A brown dog runs across a wide green lawn.", "The dog leaps over a fallen log near a wooden fence.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the model wrote nothing"),
        ("I'm sorry, but I can't help with that.", 'refusal: "I\'m sorry"'),
        ("As an AI language model, I see a dog.", "refusal: 'As an AI'"),
        ("Unfortunately, I cannot view the picture.", "refusal: 'I cannot view'"),
        ("No image was provided.", "refusal: 'No image was provided'"),
        ("Sure, a dog runs.", "preamble: 'Sure'"),
        ("Here is a caption: a dog runs.", "preamble: 'Here is'"),
        ("- a dog\n- a log", "list or markup: '-'"),
        ("# Dogs\nA dog runs.", "list or markup: '#'"),
        ("A **brown** dog.", "list or markup: '**'"),
        ('{"dense": "A dog."}', "list or markup: '{\"'"),
        ("A dog.</b> It runs.", "list or markup: '</b'"),
        ("A dog runs.<|im_end|>", "list or markup: '<|im_end'"),
        ("A dog runs. [/INST]", "list or markup: '[/INST]'"),
        ("Ein brauner Hund läuft über die Wiese und springt auf den Zaun.", "not in English: German"),
        ("Un chien brun court dans le jardin avec une balle et saute.", "not in English: French"),
        ("一只棕色的狗在草地上奔跑", "not in English: another script"),
        ("The dog runs. The dog jumps. The dog runs.", "repetition: 'The dog runs.'"),
        ("A dog runs and a dog runs and a dog runs and on.", "repetition: 'a dog runs and'"),
        ("The image shows a dog on a lawn.", "speaks of the medium: 'The image shows'"),
        ("In this video, a dog runs.", "speaks of the medium: 'In this video'"),
        ("A dog runs. The final frame has a log.", "speaks of the medium: 'final frame'"),
    ],
)
def test_faults_are_named(text: str, reason: str) -> None:
    fault = find_fault(text, notes=NOTES)
    assert fault is not None
    assert fault.reason == reason
    assert fault.correction.endswith(".")


@pytest.mark.parametrize(
    "text",
    [
        *NOTES,
        "A picture frame hangs on the wall beside a video camera.",
        "A woman in a red dress pans for gold while a man watches the river.",
        "A cat.",
        "El Capitan rises above the valley, and the last light falls on the granite wall of the cliff.",
        "The scene is dim. A man named in Chinese characters 李 stands by the door of the shop.",
        "A still lake mirrors the mountains; a still life of pears stands on the table.",
        "A clown clips a clip to his tie.",
    ],
)
def test_plain_captions_have_none(text: str) -> None:
    assert find_fault(text) is None


def test_a_cut_off_answer_is_a_fault_whatever_it_says() -> None:
    fault = find_fault(NOTES[0], cut_off=True)
    assert fault is not None
    assert fault.reason == "cut off at the token limit"


def test_the_instruction_must_not_come_back_but_the_notes_may() -> None:
    instructions = ("Describe the main subject and what it looks like, what it does and where it is.",)
    fault = find_fault("The main subject and what it looks like, what it does.", instructions=instructions)
    assert fault is not None
    assert fault.reason.startswith("repeats its instruction: 'the main subject and what it looks'")
    shared = ("A small boat with a torn sail lies on calm water.",)
    assert find_fault(shared[0], instructions=shared, notes=shared) is None
    assert find_fault(shared[0], instructions=shared) is not None


def test_turns_of_phrase_of_the_notes_are_no_loop() -> None:
    notes = ["A man in a red coat walks.", "A man in a red coat sits.", "A man in a red coat stands."]
    text = "A man in a red coat walks. Then a man in a red coat sits, and a man in a red coat stands."
    assert find_fault(text, notes=notes) is None
    assert find_fault(text) is not None


def test_short_text_may_be_english_and_a_foreign_name_does_not_matter() -> None:
    assert other_language("Casa rosa") is None
    assert other_language("The bus to la Plaza de la Constitución stops at the corner of the street.") is None
    assert other_language("De hond loopt over het gras en springt naar een bal die op de grond ligt.") == "Dutch"
    assert other_language("O cachorro corre para o jardim com uma bola e não está em casa.") == "Portuguese"
