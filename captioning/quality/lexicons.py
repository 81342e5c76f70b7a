"""Word lists of the caption measures: words for subjects, actions, settings, camera, light and style.

A model learns camera or light only if captions mention them. The lists hold common words, so a share is a lower bound:
compare it between datasets, and do not read it as an absolute.

    python -m captioning.quality.lexicons "A man walks through a sunlit forest."      # print the aspects it mentions
"""

import re
import sys

from captioning.words import fold, word_set, words

COLOURS = word_set(
    "red orange yellow green blue purple violet pink magenta brown beige cream black white grey gray "
    "silver gold golden "
    "teal turquoise cyan navy maroon crimson scarlet olive tan bronze lavender indigo burgundy"
)
ADJECTIVES = word_set(
    "small large big little tall short young old wide narrow long bright dark wooden metal metallic "
    "plastic stone glass "
    "leather striped checked wet dry open empty crowded busy quiet calm soft warm cold shiny rusty "
    "modern old-fashioned "
    "tiny huge thick thin round square light heavy fresh clear"
)
NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "pair": 2, "couple": 2, "trio": 3, "dozen": 12,
}  # fmt: skip
SUBJECT = word_set(
    "man woman person people boy girl child baby crowd group couple player dancer singer worker chef cook driver rider "
    "cyclist runner swimmer surfer skier climber farmer teacher student doctor soldier musician "
    "guitarist pianist artist "
    "painter photographer bride groom family friend lady gentleman figure hand face animal dog puppy "
    "cat kitten horse cow "
    "sheep goat pig bird eagle owl gull duck swan parrot cockatoo fish shark whale dolphin turtle "
    "frog snake lizard bear "
    "wolf fox deer rabbit squirrel monkey elephant lion tiger leopard giraffe zebra camel insect bee "
    "butterfly spider ant "
    "car truck bus van train tram bicycle bike motorcycle scooter boat ship sailboat ferry canoe "
    "aeroplane airplane plane "
    "helicopter drone rocket tractor robot machine tree flower plant leaf mountain river sea ocean "
    "lake waterfall cloud "
    "sun moon earth fire building house tower bridge church castle table chair bed sofa lamp book cup mug bowl plate "
    "bottle glass pan pot knife phone laptop computer screen toy ball doll guitar piano drum bread cake pizza "
    "fruit apple banana vegetable coffee tea food screw coin chess text title logo"
)
ACTION = word_set(
    "walk run jump sit stand lie dance sing play talk speak smile laugh cry wave clap point look "
    "watch turn spin rotate "
    "move drive ride fly swim dive float sail row climb crawl fall drop throw catch kick hit push pull lift carry hold "
    "grab pick put place pour stir mix cut chop slice cook bake fry boil eat drink bite chew lick "
    "write draw paint read "
    "type open close enter leave arrive approach pass cross follow chase hunt feed graze peck dig "
    "build repair weld saw "
    "hammer polish wash clean wipe sweep brush comb knit sew fold iron wrap tie shake nod bow kneel stretch lean rest "
    "sleep wake breathe blow burn melt freeze flow drip splash spray rise set shine glow flicker flash explode crash "
    "roll slide skate ski surf gallop trot race glide hover circle swing bounce juggle shuffle serve mow plough plow "
    "load unload pack tilt reach touch stroke hug kiss fight gesture"
)
SETTING = word_set(
    "room kitchen bedroom bathroom office classroom library studio stage theatre museum gallery shop store market mall "
    "restaurant cafe bar hotel hospital school church factory workshop garage warehouse station "
    "platform airport harbour "
    "harbor port pier dock street road motorway highway alley square plaza pavement sidewalk park "
    "garden playground field "
    "meadow lawn farm barn vineyard orchard forest wood jungle desert beach coast shore sea ocean "
    "lake river stream pond "
    "waterfall mountain hill valley cliff cave canyon island snow ice glacier sky space city town "
    "village suburb skyline "
    "rooftop balcony terrace stadium court pitch arena gym pool rink track bridge tunnel hall "
    "corridor lobby background "
    "indoors outdoors outside inside countryside landscape bay dam"
)
CAMERA = word_set(
    "camera pan tilt zoom dolly tracking handheld static close-up closeup close shot angle aerial "
    "drone overhead view lens "
    "focus wide-angle macro slow-motion timelapse time-lapse pov perspective steadicam framing"
)
LIGHT = word_set(
    "light sunlight sunlit lit moonlight daylight lamplight candlelight neon shadow bright dark dim "
    "glow sunset sunrise dusk "
    "dawn twilight night noon backlit silhouette lighting illuminated overcast sunny cloudy foggy "
    "misty spotlight firelight "
    "high-contrast low-contrast gloom haze hazy"
)
STYLE = word_set(
    "cinematic realistic photorealistic animated animation cartoon anime 3d rendered illustration painting watercolour "
    "watercolor sketch black-and-white monochrome sepia vintage retro documentary film footage style stylised stylized "
    "surreal fantasy minimalist noir clay stop-motion pixel comic grainy colourful colorful vivid "
    "pastel artistic abstract"
)
ASPECTS = {
    "subject": SUBJECT,
    "action": ACTION,
    "setting": SETTING,
    "camera": CAMERA,
    "light": LIGHT,
    "style": STYLE,
}
# The camera's motion is not an action in the scene: "the camera moves slowly", up to the next punctuation mark.
_CAMERA_CLAUSE = re.compile(r"\b(?:the |a )?camera\b[^.,;:!?]*", re.IGNORECASE)
_FOLDED = {name: frozenset(map(fold, listed)) | listed for name, listed in ASPECTS.items()}


def aspects(text: str) -> frozenset[str]:
    """The aspects that a text mentions; hyphenated words count whole and in parts. Camera moves are not actions."""
    scene = _mentioned(_CAMERA_CLAUSE.sub("", text))
    return frozenset(name for name in _mentioned(text) if name != "action" or name in scene)


def _mentioned(text: str) -> frozenset[str]:
    tokens = [token.strip(".,;:!?\"'()") for token in text.lower().split()]
    whole = {token for token in tokens if "-" in token and any(token in listed for listed in _FOLDED.values())}
    parts = [word for token in tokens if token not in whole for word in words(token)]
    tokens_and_stems = {*whole, *parts, *map(fold, parts)}
    return frozenset(name for name, listed in _FOLDED.items() if not tokens_and_stems.isdisjoint(listed))


def main() -> None:
    """Print the aspects that the text on the command line mentions."""
    print(", ".join(sorted(aspects(" ".join(sys.argv[1:])))) or "none")


if __name__ == "__main__":
    main()
