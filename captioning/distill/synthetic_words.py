"""Two vocabularies for synthetic clips that share no subject, action, place, background, light or camera move.

Training pairs use the words of `TRAINING`, and the pairs that test the student use those of `HELD_OUT`, so a good
result there cannot come from memory. An action is (present tense, -ing form); a subject is (adjective, noun).

    synthetic_pairs(60, HELD_OUT, seed=1)
"""

from dataclasses import dataclass

IRREGULAR = {"sheep": "sheep", "goose": "geese", "deer": "deer", "child": "children", "fisherman": "fishermen"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The word lists that synthetic clips are described with."""

    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    actions: tuple[tuple[str, str], ...]
    adverbials: tuple[str, ...]
    places: tuple[str, ...]
    backgrounds: tuple[str, ...]
    lights: tuple[str, ...]
    cameras: tuple[str, ...]
    bystanders: tuple[str, ...]


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _actions(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [part.split("/") for part in _list(text)]
    return tuple((present.strip(), progressive.strip()) for present, progressive in pairs)


def plural(text: str) -> str:
    """The plural of a noun, or of a phrase by its last word."""
    *before, noun = text.split()
    ending = "es" if noun.endswith(("s", "x", "z", "ch", "sh")) else "s"
    return " ".join([*before, IRREGULAR.get(noun, f"{noun}{ending}")])


TRAINING = Vocabulary(
    adjectives=_list(
        "brown, black, small, old, young, tall, grey, striped, spotted, thin, large, white, golden, red, tired, muddy, "
        "slender, quiet, bearded, barefoot, curious, shaggy, elderly, cheerful"
    ),
    nouns=_list(
        "dog, cat, horse, fox, farmer, boy, girl, dancer, cyclist, painter, goat, sheep, duck, goose, tractor, bus, "
        "tram, canoe, sailor, fisherman, gardener, cook, teacher, child, rabbit, deer, bear, robot, drone, truck, "
        "van, kite, juggler, runner, hiker, skater, drummer, carpenter, baker, miner"
    ),
    actions=_actions(
        "runs/running, walks/walking, jumps/jumping, turns/turning, climbs/climbing, rolls/rolling, slides/sliding, "
        "crawls/crawling, waits/waiting, rests/resting, hurries/hurrying, wanders/wandering, leaps/leaping, "
        "stumbles/stumbling, marches/marching, dances/dancing, spins/spinning, crouches/crouching, glides/gliding, "
        "drifts/drifting, creeps/creeping, bounces/bouncing, trots/trotting"
    ),
    adverbials=_list(
        "along a wooden fence, past a stone well, over a fallen log, around a muddy puddle, beside a low wall, "
        "towards a blue door, behind a wide bench, through tall grass, under a bare oak, between two barrels, "
        "up a gentle slope, down a narrow path, across a plank bridge, next to a haystack, near a rusty gate, "
        "in front of a fountain, around a large boulder, past a row of lamps, over a shallow ditch, beside some bricks"
    ),
    places=_list(
        "a sunny meadow, a cobbled square, a village street, an open field, a quiet courtyard, a city park, "
        "a farmyard, a gravel road, a wooden pier, an orchard, a crowded market, a railway platform, "
        "a backyard, a school yard, a mountain pasture, a riverside lawn, a vineyard, "
        "a parking lot, a castle garden, a tiled hall"
    ),
    backgrounds=_list(
        "green hills, tall pines, brick houses, a white church, distant mountains, parked cars, a calm lake, "
        "a row of shops, colourful flags, a water tower, hay bales, an iron bridge, white birches, grey chimneys, "
        "wind turbines, a wooden barn, flower beds, a stone tower"
    ),
    lights=_list("warm, bright, soft, dim, golden, cool, hazy, harsh"),
    cameras=_list("pans left, pans right, tilts up, zooms in, holds still, follows slowly"),
    bystanders=_list(
        "a woman in a green coat, two children, a man with a hat, a white pigeon, an old man on a chair, three hens, "
        "a boy with a balloon, a girl in a yellow dress, a black crow, a couple holding hands"
    ),
)

HELD_OUT = Vocabulary(
    adjectives=_list(
        "silver, orange, heavy, bald, masked, furry, purple, rusted, pale, wrinkled, armoured, feathered, sleek, hooded"
    ),
    nouns=_list(
        "elephant, penguin, astronaut, surfer, diver, monk, wolf, otter, helicopter, motorcycle, forklift, submarine, "
        "violinist, firefighter, waiter, tiger, turtle, mechanic, knight, camel, boxer, pianist, nurse, snowboarder"
    ),
    actions=_actions(
        "swims/swimming, kneels/kneeling, hovers/hovering, paddles/paddling, bows/bowing, stretches/stretching, "
        "lands/landing, dives/diving, limps/limping, sways/swaying, accelerates/accelerating, shivers/shivering, "
        "balances/balancing, ascends/ascending, staggers/staggering, tumbles/tumbling"
    ),
    adverbials=_list(
        "against a steel railing, above a coral reef, by a vending machine, onto a snowy ledge, inside a glass booth, "
        "amid floating ice, beneath a neon sign, alongside a conveyor belt, beyond a sand dune, "
        "atop a marble staircase, within a painted circle, off a concrete ramp"
    ),
    places=_list(
        "a frozen harbour, a subway station, a desert canyon, an aquarium, a factory floor, a hospital corridor, "
        "a volcanic beach, a concert stage, a boxing ring, a rooftop terrace, a jungle clearing, an airport hangar"
    ),
    backgrounds=_list(
        "steaming pipes, skyscrapers, palm trees, a glacier, glowing screens, shipping containers, "
        "a cheering audience, rock formations, fishing nets, a control panel, velvet curtains, cargo planes"
    ),
    lights=_list("fluorescent, bluish, flickering, amber, overcast, moonlit"),
    cameras=_list("orbits clockwise, tracks backwards, cranes upwards, dollies forwards, shakes lightly"),
    bystanders=_list(
        "a reporter with a microphone, four soldiers, a sleeping puppy, a tourist in sunglasses, "
        "an engineer in overalls, a flock of parrots, a clown on stilts, a guard with a torch"
    ),
)

# More words for `synthetic_training`, which combines them with the lists of TRAINING.
OBJECTS = _list(
    "barrel, basket, bucket, ladder, mirror, statue, crate, sofa, table, lantern, wheel, rope, blanket, bottle, "
    "bicycle, chest, clock, column, cupboard, drum, flag, gate, hammer, hedge, jar, kettle, lamp, mattress, needle, "
    "oven, pillow, plough, pump, ribbon, saddle, scarf, shovel, spade, stool, stove, sack, tent, trough, trunk, "
    "umbrella, vase, wagon, wheelbarrow, apple, boulder, branch, chimney, feeder, melon, pumpkin, raft, swing, cabin"
)
PREPOSITIONS = _list(
    "along, past, over, around, beside, towards, behind, through, under, up to, down from, across, next to, near, "
    "in front of, away from, to the left of, on top of, into, out of"
)
WEATHERS = _list("raining, snowing, windy, foggy, sunny, cloudy, stormy, drizzling, misty, freezing, humid, dry")
